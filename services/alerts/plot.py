"""The picture of a back-test: each topic's negative share and volume, with its alerts marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from services.alerts import wording
from services.store.alerts import Alert
from services.store.reader import Pane, Sums
from services.store.schema import DAY_MS, MINUTE_MS

STEPS: Final = 72
"""The series is summed into so many steps of equal length."""
SMOOTH: Final = 6
"""The line is the share over so many steps."""
MOST_TOPICS: Final = 12
COLOURS: Final = {"info": "#2e77d0", "warning": "#e69500", "critical": "#c62828"}
INK, PALE, BARS, LINE = "#33373d", "#8a9099", "#d5d9e0", "#7b3fa0"
BOX: Final = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}

RuleSet = tuple[str, Sequence[Alert]]
"""What it is called, and the alerts that it raised."""


def draw(path: Path, panes: Mapping[str, Sequence[Pane]], sets: Sequence[RuleSet]) -> None:
    """Write a PNG: a row a topic (those with alerts first), a column a rule set."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    topics = _chosen(panes, sets)
    size = (7.5 * len(sets) + 1, 2.6 * max(1, len(topics)) + 0.7)
    figure, axes = plt.subplots(
        max(1, len(topics)), len(sets), figsize=size, squeeze=False, sharex="row", sharey="row"
    )
    for row, topic in enumerate(topics):
        for column, (name, alerts) in enumerate(sets):
            axis = axes[row][column]
            title = f"{topic}, by {name}" if len(sets) > 1 else topic
            axis.set_title(title, loc="left", fontsize=10, color=INK, fontweight="bold")
            _series(axis, panes[topic])
            _marks(axis, [alert for alert in alerts if alert.topic == topic])
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _chosen(panes: Mapping[str, Sequence[Pane]], sets: Sequence[RuleSet]) -> list[str]:
    """Those with alerts, then those with most posts."""
    alerted = {alert.topic for _, alerts in sets for alert in alerts}
    posts = {topic: sum(pane.sums.count for pane in held) for topic, held in panes.items()}
    ranked = sorted(posts, key=lambda topic: (topic not in alerted, -posts[topic], topic))
    return [topic for topic in ranked if posts[topic]][:MOST_TOPICS]


def _series(axis: Any, panes: Sequence[Pane]) -> None:
    """Posts as bars, negative share as a line."""
    from matplotlib import dates

    first, last = panes[0].start_ms, panes[-1].start_ms + MINUTE_MS
    step = max(MINUTE_MS, -(-(last - first) // STEPS // MINUTE_MS) * MINUTE_MS)
    sums = [Sums()] * (-(-(last - first) // step))
    for pane in panes:
        place = (pane.start_ms - first) // step
        sums[place] = sums[place] + pane.sums
    _bars(axis, [_time(first + n * step) for n in range(len(sums))], sums, step)
    windows = [sum(sums[max(0, n + 1 - SMOOTH) : n + 1], Sums()) for n in range(len(sums))]
    shares = [w.negative / w.count if w.count else float("nan") for w in windows]
    ends = [_time(first + (n + 1) * step) for n in range(len(sums))]
    axis.plot(ends, shares, color=LINE, lw=1.5, zorder=3)
    axis.set_xlim(_time(first), _time(last))
    axis.set_ylim(0, 1.08)
    label = f"negative share\nof {wording.span(SMOOTH * step)}"
    axis.set_ylabel(label, fontsize=8, color=LINE)
    axis.tick_params(labelsize=7)
    axis.spines["top"].set_visible(False)
    places = dates.AutoDateLocator(maxticks=10)  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(places)
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(places))  # type: ignore[no-untyped-call]


def _bars(axis: Any, times: Sequence[Any], sums: Sequence[Sums], step: int) -> None:
    """Posts, behind everything else and in the lower half."""
    beside = axis.twinx()
    counts = [held.count for held in sums]
    beside.bar(times, counts, width=step / DAY_MS, align="edge", color=BARS, zorder=1)
    beside.set_ylim(0, max(counts) * 2.2)
    beside.set_ylabel(f"posts in {wording.span(step)}", fontsize=8, color=PALE)
    beside.tick_params(labelsize=7, colors=PALE)
    beside.spines["top"].set_visible(False)
    axis.set_zorder(beside.get_zorder() + 1)
    axis.patch.set_visible(False)


def _marks(axis: Any, alerts: Sequence[Alert]) -> None:
    """From onset to end, a line where it opened, its rule beside; a triangle at the peak."""
    left, right = axis.get_xlim()
    for alert in alerts:
        colour = COLOURS[alert.severity]
        end = right if alert.resolved_ms is None else _time(alert.resolved_ms)
        opened = _time(alert.opened_ms)
        axis.axvspan(_time(alert.onset_ms), min(end, right), color=colour, alpha=0.13, lw=0)
        axis.axvline(opened, color=colour, lw=1.5, zorder=4)
        label = f" {alert.rule}, {wording.clock(alert.opened_ms)} "
        side = "left" if opened < (left + right) / 2 else "right"
        axis.text(
            opened, 1.06, label, fontsize=8, color=colour, va="top", ha=side, zorder=5, bbox=BOX
        )
        peak = _time(alert.peak_ms)
        axis.plot([peak], [0.02], marker="^", color=colour, ms=6, zorder=5, clip_on=False)


def _time(ms: int) -> Any:
    from matplotlib import dates

    return dates.date2num(  # type: ignore[no-untyped-call]
        datetime.fromtimestamp(ms / 1000, UTC)
    )
