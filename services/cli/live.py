"""What `undertone run` shows: the rolling window of every topic, drawn anew every few seconds."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live

from services.aggregation.commands import rolling_table
from services.errors import Unavailable, UsageError
from services.pipeline import clock_ms
from services.store.reader import WINDOWS, Reader
from services.store.store import Store
from services.tables import fitted

EVERY_S = 2.0
LOG_EVERY_S = 30.0
SHOWN = 30
"""Topics that fit on a screen; `undertone rolling` shows all."""


class LiveTable:
    """Redraws a table in a terminal; elsewhere prints a line now and then."""

    def __init__(self, namespace: str, window: str) -> None:
        if window not in WINDOWS:
            raise UsageError(f"there is no window {window!r}; there are {', '.join(WINDOWS)}")
        self._namespace, self._window = namespace, window
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False)
        self._due_s = 0.0

    def __enter__(self) -> LiveTable:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live.is_started:
            self._live.stop()

    def update(self, store: Store) -> None:
        """Draw anew, if it is time. That the store is away is the aggregator's to tell."""
        now = time.monotonic()
        if now < self._due_s:
            return
        self._due_s = now + (EVERY_S if self._console.is_terminal else LOG_EVERY_S)
        try:
            self._draw(Reader(store))
        except Unavailable:
            return

    def _draw(self, reader: Reader) -> None:
        rows = {}
        for topic in reader.topics(self._namespace)[:SHOWN]:
            rolling = reader.rolling(self._namespace, topic, clock_ms())
            if rolling is not None:
                rows[topic] = rolling.windows[self._window]
        if not rows:
            self._say("Waiting for the first post that a topic takes.")
        elif self._console.is_terminal:
            table = rolling_table(rows, self._namespace, self._window)
            self._live.update(fitted(table, self._console), refresh=True)
        else:
            count = sum(row["count"] for row in rows.values())
            self._say(f"{count:,} posts of {len(rows)} topics in the last {self._window}")

    def _say(self, text: str) -> None:
        if self._console.is_terminal:
            self._live.update(text, refresh=True)
        else:
            self._console.print(text)
