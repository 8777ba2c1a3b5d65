"""The picture of a back-test: each topic's negative share and volume, with its alerts marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from services.alerts import wording
from services.store.alerts import Alert
from services.store.reader import Pane, Sums

STEPS: Final = 120
"""The series is summed into so many steps of equal length."""
MOST_TOPICS: Final = 12
COLOURS: Final = {"info": "#2e77d0", "warning": "#e69500", "critical": "#c62828"}
INK, BARS, LINE = "#33373d", "#c9ced6", "#7b3fa0"

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
    first, last = panes[0].start_ms, panes[-1].start_ms + 60_000
    step = max(60_000, -(-(last - first) // STEPS // 60_000) * 60_000)
    sums: dict[int, Sums] = {}
    for pane in panes:
        place = (pane.start_ms - first) // step
        sums[place] = sums.get(place, Sums()) + pane.sums
    places = range((last - first) // step + 1)
    times = [_time(first + place * step) for place in places]
    counts = [sums.get(place, Sums()).count for place in places]
    width = step / 86_400_000
    beside = axis.twinx()
    beside.bar(times, counts, width=width, align="edge", color=BARS, zorder=1)
    beside.set_ylim(0, max(counts) * 2.5)
    beside.set_ylabel(f"posts a {wording.span(step)}", fontsize=8, color="#8a9099")
    beside.tick_params(labelsize=7, colors="#8a9099")
    axis.set_zorder(beside.get_zorder() + 1)
    axis.patch.set_visible(False)
    held = [place for place in places if counts[place]]
    shares = [sums[place].negative / counts[place] for place in held]
    middles = [_time(first + place * step + step // 2) for place in held]
    axis.plot(middles, shares, color=LINE, lw=1.3, marker=".", ms=3, zorder=3)
    axis.set_ylim(0, 1.05)
    axis.set_ylabel("negative share", fontsize=8, color=LINE)
    axis.tick_params(labelsize=7)
    for side in ("top",):
        axis.spines[side].set_visible(False)
        beside.spines[side].set_visible(False)


def _marks(axis: Any, alerts: Sequence[Alert]) -> None:
    """From onset to end, a line where it opened, its rule beside."""
    right = axis.get_xlim()[1]
    for alert in alerts:
        colour = COLOURS[alert.severity]
        end = right if alert.resolved_ms is None else _time(alert.resolved_ms)
        axis.axvspan(_time(alert.onset_ms), end, color=colour, alpha=0.13, lw=0, zorder=0)
        axis.axvline(_time(alert.opened_ms), color=colour, lw=1.5, zorder=4)
        label = f" {alert.rule}, {wording.clock(alert.opened_ms)}"
        axis.text(_time(alert.opened_ms), 1.0, label, fontsize=8, color=colour, va="top", zorder=5)
        peak = _time(alert.peak_ms)
        axis.plot([peak], [0.02], marker="^", color=colour, ms=6, zorder=5, clip_on=False)


def _time(ms: int) -> Any:
    from matplotlib import dates

    return dates.date2num(  # type: ignore[no-untyped-call]
        datetime.fromtimestamp(ms / 1000, UTC)
    )
