"""What a dashboard reads of many topics, or of many panes, in few round trips.

One script call a topic brings what the overview shows of it, as JSON that is
passed on as it is; one call brings thousands of panes as one text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.records import SCORE_UNIT
from services.store import schema
from services.store.schema import HOURS, MINUTES, TEN_SECONDS, Resolution
from services.store.store import Store, roll_call

STEPS: Final = 60
"""Of the small series: the last 60 panes."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rolling window, and of what panes its small series is made."""

    name: str
    length_ms: int
    series: Resolution


WINDOWS: Final = {
    window.name: window
    for window in (
        Window("1m", schema.MINUTE_MS, TEN_SECONDS),
        Window("5m", 5 * schema.MINUTE_MS, TEN_SECONDS),
        Window("15m", 15 * schema.MINUTE_MS, MINUTES),
        Window("1h", schema.HOUR_MS, MINUTES),
        Window("24h", schema.DAY_MS, HOURS),
    )
}


@dataclass(frozen=True, slots=True)
class Glance:
    """One topic, one window. The JSON is as `lua/glance.lua` writes it."""

    end_ms: int
    figures: bytes
    """The window, as `lua/roll.lua` writes it."""
    before: bytes
    series: bytes


def glances(
    store: Store, namespace: str, topics: Sequence[str], window: Window, newer_than_ms: int = 0
) -> list[Glance | None]:
    """The window of each topic as last written; None where there is none, or where it ends
    before `newer_than_ms`."""
    calls = [_call(namespace, topic, window, newer_than_ms, "") for topic in topics]
    return [_glance(answer) for answer in store.scripts.run("glance", calls)]


def rolled(
    store: Store, namespace: str, ends: Mapping[str, int], window: Window
) -> dict[str, Glance]:
    """By topic, the window summed anew up to the topic's end; nothing is written."""
    rolls = [roll_call(namespace, topic, end, True, write=False) for topic, end in ends.items()]
    calls = [_call(namespace, topic, window, 0, end) for topic, end in ends.items()]
    flat, rest = store.scripts.run("roll", rolls), store.scripts.run("glance", calls)
    found = {}
    for topic, fields, answer in zip(ends, flat, rest, strict=True):
        figures = dict(zip(fields[::2], fields[1::2], strict=True))[window.name.encode()]
        end, _, before, series = answer.split(b"\n")
        found[topic] = Glance(int(end), figures, before, series)
    return found


def nothing(window: Window, end_ms: int) -> Glance:
    """Of a topic without posts in the window, the one before, and the small series."""
    minute, width = schema.MINUTE_MS, window.series.width_ms
    stop = -(-end_ms // minute) * minute if window.length_ms == schema.DAY_MS else end_ms
    last = (end_ms - 1) // width
    zeros = b",".join([b"0"] * STEPS)
    return Glance(
        end_ms,
        NO_FIGURES % (stop - window.length_ms, stop),
        b'{"count":0,"negative_share":null,"mean_score":null,"standard_error":null}',
        b'{"start_ms":%d,"step_ms":%d,"count":[%b],"negative":[%b],"mean_score":[%b]}'
        % ((last - STEPS + 1) * width, width, zeros, zeros, zeros.replace(b"0", b"null")),
    )


def looks_back_ms(window: Window) -> int:
    """How far before its end a glance reaches."""
    return max(2 * window.length_ms + schema.MINUTE_MS, (STEPS + 1) * window.series.width_ms)


NO_FIGURES: Final = (
    b'{"start_ms":%d,"end_ms":%d,"count":0,"negative":0,"neutral":0,"positive":0,'
    b'"negative_share":null,"neutral_share":null,"positive_share":null,"mean_score":null,'
    b'"standard_error":null,"sum":0,"squares":0,"late":0,"reposts":0,"repost_share":null,'
    b'"images":0,"authors":0}'
)
"""As `lua/roll.lua` writes a window without posts."""


def _call(
    namespace: str, topic: str, window: Window, newer_than_ms: int, end: int | str
) -> tuple[str | int, ...]:
    width = window.series
    rest = (window.length_ms, newer_than_ms, end, width.name, width.width_ms, STEPS, SCORE_UNIT)
    return (_key(namespace, topic), window.name, *rest)


def _glance(answer: bytes | None) -> Glance | None:
    if answer is None:
        return None
    end, figures, before, series = answer.split(b"\n")
    return Glance(int(end), figures, before, series)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Panes number `first` and on, `count` of them, of one topic."""

    namespace: str
    topic: str
    resolution: Resolution
    first: int
    count: int

    @property
    def slices(self) -> range:
        per = schema.PANES_PER_SLICE
        return range(self.first // per, (self.first + self.count - 1) // per + 1)


def panes(store: Store, wanted: Sequence[Stretch]) -> list[NDArray[np.int64]]:
    """Of each stretch (count, 8): fields as in `PANE_FIELDS`, zeros where a pane is empty."""
    calls = [
        (_key(w.namespace, w.topic), w.resolution.name, w.slices[0], w.slices[-1]) for w in wanted
    ]
    answers = store.scripts.run("panes", calls)
    return [_dense(w, answer) for w, answer in zip(wanted, answers, strict=True)]


def _dense(wanted: Stretch, answer: bytes) -> NDArray[np.int64]:
    sizes, _, text = answer.partition(b"\n")
    rows = _integers(text).reshape(-1, 1 + len(schema.PANE_FIELDS))
    starts = np.array(wanted.slices) * schema.PANES_PER_SLICE - wanted.first
    places = np.repeat(starts, _integers(sizes)) + rows[:, 0]
    inside = (places >= 0) & (places < wanted.count)
    dense = np.zeros((wanted.count, len(schema.PANE_FIELDS)), dtype=np.int64)
    dense[places[inside]] = rows[inside, 1:]
    return dense


_decode = msgspec.json.Decoder(list[int]).decode


def _integers(text: bytes) -> NDArray[np.int64]:
    """Of decimal numbers with a blank between. As JSON: five times as quick as splitting."""
    return np.array(_decode(b"[" + text.replace(b" ", b",") + b"]"), dtype=np.int64)


def _key(namespace: str, topic: str) -> str:
    return schema.topic_prefix(namespace, topic) + "rolling"
