"""Series with what belongs to them: gaps, alerts, authors. Many are read in one round trip."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from services.dashboard import alerts, series, sources
from services.dashboard.answers import CSV, Body
from services.dashboard.backend import Backend, State
from services.dashboard.problems import Refused
from services.dashboard.recent import Recent
from services.dashboard.series import Columns, Span
from services.store import schema
from services.store.glance import panes

ALERTS_SHOWN: Final = 200
AUTHORS_BACK_MS: Final = 26 * schema.HOUR_MS
"""Authors by the hour are kept so long."""


KEPT_S: Final = 0.5
"""A series that several readers look at is read twice a second: a pane shows within two."""
MOST_KEPT: Final = 300
"""Series; about 50 kB each."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One series, as asked for."""

    namespace: str | None
    topic: str
    start_ms: int | None
    stop_ms: int | None
    resolution: str
    as_csv: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where it lies."""

    wanted: Wanted
    state: State
    span: Span
    now_ms: int
    """Live, now; else the newest post of the namespace."""

    @property
    def key(self) -> Hashable:
        """The same for all who get the same answer."""
        return (self.state.name, self.wanted.topic, self.span, self.wanted.as_csv)


class Histories:
    """Reads series. For several threads."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._recent = Recent(most=MOST_KEPT)

    def read(self, wanted: Sequence[Wanted]) -> list[Body | Exception]:
        """The body of each, or why it is refused. `Unavailable` where the store is away."""
        places = [self._place(w) for w in wanted]
        found: dict[_Place | Refused, Body | Exception] = {}
        for place in places:
            held = place if isinstance(place, Refused) else self._recent.held(place.key)
            if held is not None:
                found[place] = held
        self._add(found, [p for p in places if isinstance(p, _Place) and p not in found])
        return [found[place] for place in places]

    def _add(self, found: dict[_Place | Refused, Body | Exception], new: list[_Place]) -> None:
        """Read those, in one round trip, and keep them for a moment."""
        if not new:
            return
        stretches = [series.stretch(p.state.name, p.wanted.topic, p.span) for p in new]
        for place, rows in zip(new, panes(self._backend.store, stretches), strict=True):
            body = self._body(place, series.columns(place.span, rows))
            if isinstance(body, Body):
                body.pack()
                self._recent.keep(place.key, KEPT_S, body)
            found[place] = body

    def _place(self, wanted: Wanted) -> _Place | Refused:
        try:
            state = self._backend.state(wanted.namespace)
            start_ms, stop_ms = self._time(state, wanted)
            now_ms = self._backend.clock_ms() if state.is_live else state.newest_ms or stop_ms
            span = series.span(start_ms, stop_ms, wanted.resolution, now_ms)
        except Refused as refused:
            return refused
        return _Place(wanted, state, span, now_ms)

    def _time(self, state: State, wanted: Wanted) -> tuple[int, int]:
        """What was asked for; else the last hour, or the whole of a replay."""
        start_ms, stop_ms = wanted.start_ms, wanted.stop_ms
        if start_ms is not None and stop_ms is not None:
            return start_ms, stop_ms
        first, last = None, self._backend.clock_ms()
        if not state.is_live:
            first, newest = self._backend.first_last(state.name, wanted.topic)
            last = newest or 0
        if stop_ms is None:
            stop_ms = schema.window_end(last)
        if start_ms is None:
            start_ms = max(0, stop_ms - schema.HOUR_MS if first is None else first)
        return start_ms, stop_ms

    def _body(self, place: _Place, columns: Columns) -> Body | Exception:
        state, span, topic = place.state, place.span, place.wanted.topic
        if not any(any(columns[name]) for name in ("negative", "neutral", "positive")):
            try:
                self._backend.require_topic(state, topic)
            except Refused as refused:
                return refused
        if place.wanted.as_csv:
            return Body(series.table(columns), CSV)
        raised = self._backend.alerts_of(state.name, topic, span.stop_ms, ALERTS_SHOWN)
        shown = [a for a in raised if alerts.was_open(a, span.start_ms, span.stop_ms)]
        statuses = self._backend.statuses(state.name)
        document = {
            "namespace": state.name,
            "topic": topic,
            "resolution": span.step.name,
            "resolution_ms": span.step.width_ms,
            "from": span.start_ms,
            "to": span.stop_ms,
            "complete_to_ms": state.watermark.ms,
            "points": columns,
            "gaps": sources.gaps(statuses, span.start_ms, span.stop_ms),
            "alerts": [alerts.item(alert) for alert in shown],
            "authors": self._authors(place),
        }
        return Body(msgspec.json.encode(document))

    def _authors(self, place: _Place) -> int | None:
        """None where authors of that time are no longer told apart."""
        state, span, topic = place.state, place.span, place.wanted.topic
        if span.start_ms >= place.now_ms - AUTHORS_BACK_MS:
            return self._backend.reader.authors(state.name, topic, span.start_ms, span.stop_ms)
        first, last = (None, None) if state.is_live else self._backend.first_last(state.name, topic)
        if (
            first is not None
            and last is not None
            and span.start_ms <= first
            and last < span.stop_ms
        ):
            return self._backend.reader.totals(state.name, topic).authors
        return None
