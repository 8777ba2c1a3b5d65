"""What a replay shows of itself: live progress, then a table of its topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from models.signature import LABELS
from services.ingest.media import MISSING
from services.ingest.source import Counters, Source
from services.store.reader import Pane, Sums, Totals

BLOCKS = "▁▂▃▄▅▆▇█"
EVERY_S = 0.2
LOG_EVERY_S = 10.0
"""Between two lines of progress where nobody watches a terminal."""


class ReplayProgress:
    """Draws how far a source is; cheap to call often."""

    def __init__(
        self,
        source: Source,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        counted: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`counted` says how many posts have come out at the other end, if that is known."""
        self._source, self._console, self._clock, self._counted = source, console, clock, counted
        self._started_s = clock()
        self._due_s = 0.0
        self._before = source.counters.posts_read
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, note="")

    def __enter__(self) -> ReplayProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.update(last=True)
        self._bar.stop()

    def update(self, *, last: bool = False) -> None:
        """Draw anew, if it is time."""
        now = self._clock()
        if now < self._due_s and not last:
            return
        self._due_s = now + (EVERY_S if self._console.is_terminal else LOG_EVERY_S)
        progress = self._source.progress()
        if progress is None:
            return
        note = self._note(now, progress.event_ms)
        if self._console.is_terminal:
            self._bar.update(
                self._task,
                description=progress.phase,
                total=progress.bytes_total or None,
                completed=progress.bytes_done,
                note=note,
            )
        else:
            share = progress.bytes_done / progress.bytes_total if progress.bytes_total else 0.0
            self._console.print(f"{progress.phase} {share:.0%}, {note}", highlight=False)

    def _note(self, now: float, event_ms: int) -> str:
        counters = self._source.counters
        rate = (counters.posts_read - self._before) / max(now - self._started_s, 1e-9)
        at = f", at {shown(event_ms)}" if event_ms else ""
        counted = self._counted()
        behind = "" if counted is None else f", {counted:,} counted"
        read = f"{counters.posts_read:,} posts, {counters.posts_matched:,} matched{behind}"
        return f"{read}, {rate:,.0f}/s{at}"


def shown(ms: int) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def topics_table(namespace: str, totals: Mapping[str, Totals], trends: Mapping[str, str]) -> Table:
    """One line a topic; `trends` are small drawings of its mean score over time."""
    table = Table(
        title=Text(_title(namespace, totals)),
        title_justify="left",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("topic")
    for name in ("posts", *LABELS, "mean"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("mood over time", no_wrap=True)
    for topic, total in totals.items():
        count = total.sums.count
        labels = [total.sums.negative, total.sums.neutral, total.sums.positive]
        table.add_row(
            Text(topic),
            f"{count:,}",
            *(f"{n / count:.0%}" if count else "–" for n in labels),
            _mean(total.sums),
            trends.get(topic, ""),
        )
    return table


def _title(namespace: str, totals: Mapping[str, Totals]) -> str:
    firsts = [t.first_post_ms for t in totals.values() if t.first_post_ms is not None]
    lasts = [t.last_post_ms for t in totals.values() if t.last_post_ms is not None]
    span = f", {shown(min(firsts))} to {shown(max(lasts))} UTC" if firsts and lasts else ""
    return f"Sentiment in {namespace}{span}"


def _mean(sums: Sums) -> str:
    return "–" if sums.mean_score is None else f"{sums.mean_score:+.2f}"


def trend(panes: Sequence[Pane], first_ms: int, last_ms: int, width: int = 16) -> str:
    """The mean score over time, in `width` steps of equal length; a blank where no post came."""
    step = max(1, (last_ms - first_ms) // width + 1)
    sums = [Sums()] * width
    for pane in panes:
        place = min(width - 1, max(0, (pane.start_ms - first_ms) // step))
        sums[place] = sums[place] + pane.sums
    return "".join(" " if s.mean_score is None else _block(s.mean_score) for s in sums)


def _block(score: float) -> str:
    """-1 is the lowest block, +1 the highest."""
    return BLOCKS[min(len(BLOCKS) - 1, int((score + 1) / 2 * len(BLOCKS)))]


def notes(counters: Counters) -> list[str]:
    """What a person should know beyond the table: nothing is passed over in silence."""
    lines = []
    if counters.dead_lettered:
        lines.append(
            f"{counters.dead_lettered:,} could not be read and were dead-lettered: "
            "undertone dead-letters list"
        )
    if not counters.posts_read:
        lines.append(
            "No post was read: see --format, --columns, --from and --to in undertone replay --help"
        )
    elif not counters.posts_matched:
        lines.append(
            "No topic took a post: undertone topics test FILE TEXT says why. Posts without a "
            "picture are taken where a topic says `text_only: true`."
        )
    without = counters.images_missing + counters.images_failed
    if without:
        lines.append(f"{without:,} pictures could not be had; their posts were scored by the words")
    if not MISSING.isdisjoint(counters.reasons):
        lines.append(
            "Put them into the folder that --media names (called as their address ends, or by the "
            "post's id), or have them fetched: UNDERTONE_MEDIA_FETCH=always"
        )
    if counters.reasons:
        most = sorted(counters.reasons.items(), key=lambda item: -item[1])[:8]
        lines.append("reasons: " + ", ".join(f"{name} {count:,}" for name, count in most))
    return lines
