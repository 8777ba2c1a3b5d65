"""Stops a worker when most of what comes in is bad, before all of it is dead-lettered."""

from __future__ import annotations

from collections import deque

from services.errors import UndertoneError


class TooManyBad(UndertoneError):
    """Most of what comes in can't be processed: its producer or this program is at fault."""


class Breaker:
    """Counts bad records among the last `window`; trips where more than `share` of them are."""

    def __init__(self, window: int = 500, share: float = 0.5) -> None:
        self._window, self._share = window, share
        self._batches: deque[tuple[int, int]] = deque()
        self._seen = self._bad = 0

    def count(self, records: int, bad: int) -> None:
        """`TooManyBad` once a full window of records is mostly bad."""
        self._batches.append((records, bad))
        self._seen, self._bad = self._seen + records, self._bad + bad
        while self._seen - self._batches[0][0] >= self._window:
            old = self._batches.popleft()
            self._seen, self._bad = self._seen - old[0], self._bad - old[1]
        if self._seen >= self._window and self._bad > self._share * self._seen:
            raise TooManyBad(
                f"{self._bad} of the last {self._seen} records can't be processed; nothing from "
                "here on is committed. See `undertone dead-letters list`, mend, and start again"
            )
