"""One namespace, minute by minute: what is closed is judged, what was decided is written.

The detector's state is kept in the store for each topic once an hour of event time. A process that
takes over reads the minutes since then again, which teaches the detector what the former one knew,
and raises nothing; from `evaluated` on it judges.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from zlib import crc32

from services import metrics
from services.alerts import detector
from services.alerts.detector_types import MINUTE_MS, Minute
from services.alerts.engine import Change, Engine
from services.alerts.gaps import Everything, Gaps
from services.alerts.minutes import Minutes, Panes
from services.alerts.reading import Detector
from services.alerts.thresholds import Thresholds
from services.store import schema
from services.store.alerts import (
    KEPT_MS,
    RESOLVED,
    STREAM,
    Alert,
    AlertEvent,
    Alerts,
    Decided,
    Explanation,
    Outgoing,
)
from services.topics.rules import THRESHOLD, Rule

log = logging.getLogger(__name__)

HISTORY_MS: Final = schema.MINUTES.keep_ms
"""So far back a live namespace is looked at that was there before its alerts: a week."""
KEPT_EVERY: Final = 60
"""Minutes in which every topic's state is kept once."""
MOST_MINUTES: Final = 60
"""Judged before they are written."""

Rules = Mapping[str, Sequence[Rule]]
"""By topic."""
Explain = Callable[[str, Alert, int, int], Explanation]
"""Takes namespace, alert, and the window [start_ms, end_ms) that it is about."""


class Bank(Detector, Protocol):
    """What is asked of `services.alerts.detector.Bank`, which says what is meant."""

    def add(self, topic: str, state: bytes | None = None) -> None: ...

    def step(
        self, end_ms: int, panes: Mapping[str, Minute], missing: Container[str] = ()
    ) -> None: ...

    def hold(self, topic: str, held: bool) -> None: ...

    def dump(self, topic: str) -> bytes: ...


def make_bank() -> Bank:
    """The detector that ships."""
    return detector.Bank()


def unexplained(namespace: str, alert: Alert, start_ms: int, end_ms: int) -> Explanation:  # noqa: ARG001
    """Where nobody explains."""
    return alert.explanation


def nobody(namespace: str) -> tuple[str, ...]:  # noqa: ARG001
    """Where nobody is told."""
    return ()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What judging needs of the rest."""

    alerts: Alerts
    live: str = "live"
    explain: Explain = unexplained
    make_bank: Callable[[], Bank] = make_bank
    told: Callable[[str], tuple[str, ...]] = nobody
    """The receivers that are told in a namespace."""


class Follower:
    """The detector, the engine and the position of one namespace. Read anew after any error."""

    def __init__(
        self,
        namespace: str,
        rules: Rules,
        wiring: Wiring,
        minutes: Minutes,
        gaps: Gaps,
        closed_ms: int,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Go on where the store stands; it must have been begun. Minutes are closed up to
        `closed_ms`.

        `beat` is called every minute that is gone through: it says that we are still there.
        """
        self._namespace, self._rules, self._wiring = namespace, rules, wiring
        self._minutes, self._gaps, self._beat = minutes, gaps, beat
        self._followed: set[str] = set()
        judged = wiring.alerts.judged(namespace)
        self._stored, self._silent_ms = judged.evaluated_ms, judged.silent_ms
        self._heard_ms = judged.heard_ms
        self._bank, self._thresholds = wiring.make_bank(), Thresholds(rules)
        self._engine = Engine(namespace, rules, wiring.alerts.newest(namespace))
        if judged.evaluated_ms is None:
            first = minutes.first_ms()
            since = closed_ms if first is None else min(first, closed_ms)
            self._at = self._heard_ms = max(since, judged.silent_ms - HISTORY_MS)
        else:
            self._at = judged.evaluated_ms
            self._learn(judged.evaluated_ms)
        for topic in sorted(self._engine.open_topics() - self._followed):
            self._follow(topic)

    @property
    def evaluated_ms(self) -> int:
        """Judged up to here."""
        return self._at

    def look(self, gaps: Gaps) -> None:
        """What is known now of sources that were away."""
        self._gaps = gaps

    def advance(self, token: int, stop_ms: int) -> None:
        """Judge closed minutes up to `stop_ms`, or so many at a time, and write what came of it."""
        alerts: dict[str, Alert] = {}
        events: list[Outgoing] = []
        at, left = stop_ms, MOST_MINUTES
        for end_ms, panes in self._minutes.walk(self._at, stop_ms, self._heard_ms):
            for change in self._judge(end_ms, panes):
                alerts[change.alert.id] = change.alert
                events += self._outgoing(change)
            left -= 1
            if left == 0:
                at = end_ms
                break
        oldest = at - KEPT_MS if self._wiring.live == self._namespace else 0
        states = self._states(self._at, at)
        decided = Decided(at, self._heard_ms, list(alerts.values()), events, oldest, states)
        self._wiring.alerts.commit(self._namespace, token, self._stored, decided)
        self._at = self._stored = at
        self._measure(events)

    # -- one minute -------------------------------------------------------------

    def _judge(self, end_ms: int, panes: Panes) -> list[Change]:
        away = self._step(end_ms, panes)
        if end_ms <= self._silent_ms:
            return []
        missing = Everything() if away else ()
        changes = self._engine.step(end_ms, self._bank, self._thresholds, missing)
        for change in changes:
            if change.event is not None:
                self._hold(change.alert.topic)
        return [self._explained(change, end_ms) for change in changes]

    def _step(self, end_ms: int, panes: Panes) -> bool:
        """Teach a minute; whether a source was away in it."""
        self._heard_ms = end_ms if panes else self._heard_ms
        for topic in panes.keys() - self._followed:
            self._follow(topic)
        away = self._gaps.covers(end_ms)
        self._bank.step(end_ms, panes, Everything() if away else ())
        self._thresholds.step(end_ms, panes)
        self._beat()
        return away

    def _follow(self, topic: str, state: bytes | None = None) -> None:
        self._bank.add(topic, state)
        self._followed.add(topic)

    def _hold(self, topic: str) -> None:
        if topic in self._followed:
            self._bank.hold(topic, topic in self._engine.open_topics())

    def _explained(self, change: Change, end_ms: int) -> Change:
        """Why, as far as the store has it now: at the opening, where it worsens, and when it has
        lasted twice as long: an alert that opens on a dozen posts has few words yet."""
        if not (_is_news(change) or _doubled(change.alert, end_ms)):
            return change
        alert = change.alert
        why = self._wiring.explain(self._namespace, alert, alert.onset_ms, end_ms)
        alert = self._engine.explained(alert, why)
        return Change(alert, change.event, change.heard, change.streamed)

    def _outgoing(self, change: Change) -> list[Outgoing]:
        if change.event is None:
            return []
        alert = change.alert
        told = self._wiring.told(self._namespace)
        if alert.tell is not None:
            told = tuple(name for name in told if name in alert.tell)
        receivers = (STREAM,) * change.streamed + told * change.heard
        return [Outgoing(AlertEvent(change.event, alert, alert.sequence), receivers)]

    # -- the detector's state ---------------------------------------------------

    def _states(self, start_ms: int, end_ms: int) -> list[tuple[str, int, bytes]]:
        """Each topic's state once an hour, spread over its minutes."""
        first, last = start_ms // MINUTE_MS, end_ms // MINUTE_MS
        due = {number % KEPT_EVERY for number in range(first, min(last, first + KEPT_EVERY))}
        return [
            (topic, end_ms, self._bank.dump(topic))
            for topic in sorted(self._followed)
            if crc32(topic.encode()) % KEPT_EVERY in due
        ]

    def _learn(self, until_ms: int) -> None:
        """Bring the detector to where it was, from the states kept and the minutes since."""
        heard = self._heard_ms
        states = self._usable(self._wiring.alerts.states(self._namespace))
        least = until_ms - max(KEPT_EVERY * MINUTE_MS * 2, self._thresholds.longest_ms)
        start = min([least, *(end_ms for end_ms, _ in states.values())])
        if not states:
            start = min(start, until_ms - HISTORY_MS)
        start = max(start, self._minutes.first_ms() or start)
        holds = self._holds(start)
        waiting = sorted(states.items(), key=lambda item: item[1][0], reverse=True)
        self._heard_ms = start
        for end_ms, panes in self._minutes.walk(start, until_ms, start):
            while waiting and waiting[-1][1][0] < end_ms:
                topic, (_, state) = waiting.pop()
                self._follow(topic, state)
            known = {t: m for t, m in panes.items() if t in self._followed or t not in states}
            self._step(end_ms, known)
            while holds and holds[0][0] <= end_ms:
                _, topic, held = holds.pop(0)
                if topic in self._followed:
                    self._bank.hold(topic, held)
        for topic, (_, state) in reversed(waiting):
            self._follow(topic, state)
        self._heard_ms = max(self._heard_ms, heard)

    def _usable(self, states: Mapping[str, tuple[int, bytes]]) -> dict[str, tuple[int, bytes]]:
        """None where they are of another detector than this one; those without rules go."""
        self._wiring.alerts.forget_states(
            self._namespace, [topic for topic in states if topic not in self._rules]
        )
        ours = {topic: held for topic, held in states.items() if topic in self._rules}
        try:
            for topic, (_, state) in list(ours.items())[:1]:
                self._wiring.make_bank().add(topic, state)
        except ValueError:
            log.warning("%s: the detector is a new one; it learns the week anew", self._namespace)
            return {}
        return ours

    def _holds(self, since_ms: int) -> list[tuple[int, str, bool]]:
        """When topics began and ceased to have an open alert of a detector, in order."""
        found = self._wiring.alerts.list(self._namespace, limit=10_000)
        moves = [(a.opened_ms, a.topic, 1) for a in found if a.kind != THRESHOLD]
        moves += [
            (a.resolved_ms, a.topic, -1)
            for a in found
            if a.resolved_ms is not None and a.kind != THRESHOLD
        ]
        open_: Counter[str] = Counter()
        holds = []
        for at_ms, topic, step in sorted(moves):
            open_[topic] += step
            if at_ms > since_ms:
                holds.append((at_ms, topic, open_[topic] > 0))
        return holds

    def _measure(self, events: Sequence[Outgoing]) -> None:
        if self._namespace == self._wiring.live:
            metrics.ALERTS_EVALUATED.labels(self._namespace).set(self._at / 1000)
        for outgoing in events:
            alert = outgoing.event.alert
            if outgoing.event.kind != RESOLVED:
                metrics.ALERTS_RAISED.labels(alert.rule, alert.severity).inc()


def _is_news(change: Change) -> bool:
    return change.streamed and change.event not in (None, RESOLVED)


def _doubled(alert: Alert, end_ms: int) -> bool:
    """Whether it is open and has lasted twice as long as when it was explained."""
    explained_ms = alert.explanation.until_ms - alert.onset_ms
    return alert.is_open and 0 < 2 * explained_ms <= end_ms - alert.onset_ms
