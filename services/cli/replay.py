"""The face of `undertone replay`: progress while it runs, the figures at the end."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from urllib.parse import quote

from rich.console import Console

from services.alerts.commands import alerts_table
from services.cli.common import stop_on_signal
from services.cli.dashboard import Along, serve_along, show, stay
from services.cli.show import LOG_EVERY_S, ReplayProgress, notes, topics_table, trend
from services.ingest.source import Source
from services.pipeline import is_embedded
from services.replay import Outcome, Request, Watch, replay
from services.settings import Settings
from services.tables import fitted


class Face:
    """Follows one replay, on standard error; figures go to standard output."""

    def __init__(self, dashboard: str = "", *, open_browser: bool = False) -> None:
        """`dashboard` is where it is served, if it is."""
        self.page = dashboard
        self._open = open_browser
        self.console = Console(stderr=True)
        self._progress: ReplayProgress | None = None
        self._said_s = 0.0

    def started(self, source: Source, namespace: str) -> None:
        ended = " (counted before; another --namespace counts anew)" if source.ended else ""
        self.console.print(f"Namespace {namespace}{ended}", highlight=False, markup=False)
        if self.page:
            self._show_page(namespace)
        self._progress = ReplayProgress(source, self.console)
        self._progress.__enter__()

    def _show_page(self, namespace: str) -> None:
        self.page += f"/?namespace={quote(namespace)}"
        self.console.print(f"Dashboard {self.page}", highlight=False, markup=False, soft_wrap=True)
        if self._open:
            show(self.page)

    def moved(self) -> None:
        if self._progress is not None:
            self._progress.update()

    def waiting(self, counted: int) -> None:
        """All is on the stream; others are at work."""
        self.finished()
        if time.monotonic() - self._said_s >= LOG_EVERY_S:
            self._said_s = time.monotonic()
            self.console.print(
                f"All posts are on Kafka; {counted:,} counted. Waiting for `undertone infer` and "
                "`undertone aggregate` (Ctrl-C leaves them to it).",
                highlight=False,
            )

    def finished(self) -> None:
        if self._progress is not None:
            self._progress.__exit__()
            self._progress = None


def run(settings: Settings, request: Request, along: Along) -> int:
    """The exit status: 0 when all is counted, 1 where nothing could be read, 130 when it was
    stopped before."""
    with stop_on_signal() as stop, ExitStack() as stack:
        url = serve_along(settings, stack) if along.wanted else ""
        face = Face(url, open_browser=along.open)
        try:
            outcome = replay(settings, request, stop, Watch(face.started, face.moved, face.waiting))
        finally:
            face.finished()
        _print(outcome, _again(settings))
        if outcome.complete and not outcome.alerts and not is_embedded(settings):
            face.console.print(
                "Alerts are `undertone alert`'s: undertone alerts list --namespace "
                f"{outcome.namespace}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        if along.stay and url and outcome.complete:
            stay(face.page, stop)
    if not outcome.complete:
        where = "" if is_embedded(settings) else " The other hops go on with what is on Kafka."
        face.console.print(f"Stopped. The same command goes on from here.{where}", highlight=False)
        return 130
    nothing = outcome.counters.dead_lettered and not outcome.counters.posts_read
    return 1 if nothing else 0


def _again(settings: Settings) -> str:
    """How to call us again on the same figures, as this call was made."""
    set_here = os.environ.get("UNDERTONE_DATA_DIR")
    return (f"UNDERTONE_DATA_DIR={settings.data_dir} " if set_here else "") + sys.argv[0]


def _print(outcome: Outcome, again: str) -> None:
    console = Console()
    trends = {
        topic: trend(outcome.panes[topic], total.first_post_ms, total.last_post_ms)
        for topic, total in outcome.totals.items()
        if total.first_post_ms is not None and total.last_post_ms is not None
    }
    if outcome.totals:
        table = topics_table(outcome.namespace, outcome.totals, trends)
        console.print(fitted(table, console))
    made = outcome.report
    console.print(
        f"{made['posts_read']:,} posts read, {made['posts_matched']:,} matched, "
        f"{made['scored']:,} scored, {made['duplicates']:,} duplicates, {made['late']:,} late; "
        f"{made['seconds']:.1f} s, {made['posts_per_second']:,.0f} posts/s",
        highlight=False,
        soft_wrap=True,
    )
    if outcome.alerts:
        console.print(alerts_table([history.alert for history in outcome.alerts]))
    for line in notes(outcome.counters):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if outcome.complete and outcome.totals:
        console.print(
            f"Look again: {again} rolling --namespace {outcome.namespace} --window 1h",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
