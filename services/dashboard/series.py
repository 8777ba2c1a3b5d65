"""A topic's panes over a time, at any resolution, as columns; as JSON or CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from services.dashboard.problems import Refused
from services.records import SCORE_UNIT
from services.store import schema
from services.store.glance import Stretch
from services.store.schema import HOURS, MINUTES, TEN_SECONDS, Resolution

Name = Literal["10s", "1m", "5m", "1h", "1d"]
MOST_POINTS: Final = 2_000
LONGEST_MS: Final = HOURS.keep_ms + schema.DAY_MS


@dataclass(frozen=True, slots=True)
class Step:
    """A resolution that is served: so many panes of the store's in one point."""

    name: Name
    panes: Resolution
    times: int
    up_to_ms: int
    """`auto` takes it for a time up to this long."""

    @property
    def width_ms(self) -> int:
        return self.panes.width_ms * self.times


STEPS: Final = (
    Step("10s", TEN_SECONDS, 1, schema.HOUR_MS),
    Step("1m", MINUTES, 1, 12 * schema.HOUR_MS),
    Step("5m", MINUTES, 5, 3 * schema.DAY_MS),
    Step("1h", HOURS, 1, 45 * schema.DAY_MS),
    Step("1d", HOURS, 24, LONGEST_MS),
)


@dataclass(frozen=True, slots=True)
class Span:
    """[start_ms, stop_ms) on whole points of one resolution."""

    step: Step
    start_ms: int
    stop_ms: int

    @property
    def points(self) -> int:
        return (self.stop_ms - self.start_ms) // self.step.width_ms


def span(start_ms: int, stop_ms: int, name: str, newest_ms: int) -> Span:
    """The points that cover the time. `auto` takes the finest that is still kept and not too
    fine to draw; panes are kept so long behind `newest_ms`. `Refused` (422) where they are too
    many, or the time is none."""
    if start_ms >= stop_ms:
        raise Refused(422, f"from {start_ms} lies not before to {stop_ms}")
    if stop_ms - start_ms > LONGEST_MS:
        raise Refused(422, f"a series is of at most {LONGEST_MS // schema.DAY_MS} days")
    found = _on_points(_step(start_ms, stop_ms, name, newest_ms), start_ms, stop_ms)
    if found.points > MOST_POINTS:
        raise Refused(
            422,
            f"{found.points:,} points at resolution {name}, at most {MOST_POINTS:,} are served: "
            "take a shorter time, a coarser resolution, or resolution=auto",
        )
    return found


def _step(start_ms: int, stop_ms: int, name: str, newest_ms: int) -> Step:
    for step in STEPS:
        if name == step.name:
            return step
        kept = start_ms >= newest_ms - step.panes.keep_ms
        if name == "auto" and stop_ms - start_ms <= step.up_to_ms and kept:
            return step
    return STEPS[-1]


def _on_points(step: Step, start_ms: int, stop_ms: int) -> Span:
    width = step.width_ms
    return Span(step, start_ms // width * width, -(-stop_ms // width) * width)


Columns = dict[str, list[int] | list[float | None]]


def stretch(namespace: str, topic: str, span: Span) -> Stretch:
    """The store's panes that the span is made of."""
    step = span.step
    first = span.start_ms // step.panes.width_ms
    return Stretch(namespace, topic, step.panes, first, span.points * step.times)


def columns(span: Span, found: NDArray[np.int64]) -> Columns:
    """The columns of `schemas.Points`, of the stretch's panes."""
    if span.step.times > 1:
        found = found.reshape(span.points, span.step.times, -1).sum(axis=1)
    return _columns(span, found)


def _columns(span: Span, rows: NDArray[np.int64]) -> Columns:
    """Of (points, 8) in the order of `schema.PANE_FIELDS`."""
    negative, neutral, positive, total, squares, _, reposts, images = rows.T
    count = negative + neutral + positive
    some = np.maximum(count, 1)
    spread = np.maximum(0, squares - total * (total / some)) / np.maximum(count - 1, 1)
    error = np.sqrt(spread / some) / SCORE_UNIT
    return {
        "t": list(range(span.start_ms, span.stop_ms, span.step.width_ms)),
        "negative": negative.tolist(),
        "neutral": neutral.tolist(),
        "positive": positive.tolist(),
        "mean_score": _where(count > 0, total / some / SCORE_UNIT),
        "standard_error": _where(count > 1, error),
        "reposts": reposts.tolist(),
        "images": images.tolist(),
    }


def _where(there: NDArray[np.bool_], values: NDArray[np.float64]) -> list[float | None]:
    """Six digits, as the rolling windows have; None where there is nothing."""
    rounded = np.round(values, 6)
    if there.all():
        return list(rounded.tolist())
    held = rounded.astype(object)
    held[~there] = None
    return list(held.tolist())


def table(columns: Columns) -> bytes:
    """As CSV, with a header."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join("" if v is None else str(v) for v in row) for row in rows]
    return "\r\n".join([",".join(columns), *lines, ""]).encode()
