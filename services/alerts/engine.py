"""From findings to alerts: opens, worsens, resolves. Pure; the same minutes give the same alerts.

An alert opens when its rule is met, unless the topic's last one of that rule has only just
ended (`cool_down`). It worsens when it is `worsens_by` times as far from what was expected as
when that was last said. It resolves when what upholds it was not there for `resolve_after`;
upholding asks for less than opening (`resolves_at`), so that it does not flicker. Minutes in
which a source was away count for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from services.alerts.detector_types import MINUTE_MS
from services.alerts.quiet import is_quiet
from services.alerts.reading import Detector, Reading, read
from services.alerts.thresholds import Thresholds
from services.store.alerts import Alert, Explanation, alert_id
from services.topics.rules import THRESHOLD, Rule

EventKind = Literal["opened", "worsened", "resolved"]
Measure = Literal["negative_share", "negative_volume", "posts", "mean_score"]
MEASURES: Final[Mapping[str, Measure]] = {
    "negative_share": "negative_share",
    "negative_volume": "negative_volume",
    "sentiment_drop": "mean_score",
}
"""What each detector measures; a threshold says it itself."""
WORSENS_AFTER_MS: Final = 10 * MINUTE_MS
"""An alert that only just changed is still filling its window."""


@dataclass(frozen=True, slots=True)
class Change:
    """An alert as it stands now. `event`: what happened; None where only its figures moved."""

    alert: Alert
    event: EventKind | None = None
    heard: bool = False
    """Receivers are told of it (not in quiet hours)."""
    streamed: bool = False
    """It goes to the `alerts` stream: it came about in this minute."""


class Engine:
    """The alerts of one namespace. Restart it with what the store has (`newest`)."""

    def __init__(
        self,
        namespace: str,
        rules: Mapping[str, Sequence[Rule]],
        newest: Mapping[tuple[str, str], Alert] | None = None,
    ) -> None:
        """`rules` by topic; `newest` the last alert of each (topic, rule)."""
        self._namespace = namespace
        self._rules = {(t, rule.name): rule for t, given in rules.items() for rule in given}
        self._newest = dict(newest or {})
        self._by_kind: dict[tuple[str, float], dict[str, list[Rule]]] = defaultdict(dict)
        for topic, given in rules.items():
            for rule in given:
                if rule.kind != THRESHOLD:
                    named = self._by_kind[rule.kind, rule.false_alarms_per_week]
                    named.setdefault(topic, []).append(rule)
        self._awake = {n for n, a in self._newest.items() if a.is_open or a.owed}
        """Alerts that may change by themselves."""

    def open_topics(self) -> set[str]:
        """Topics with an open alert of a detector: their baseline is not to learn it."""
        return {
            topic
            for topic, rule in self._awake
            if self._newest[topic, rule].is_open and self._newest[topic, rule].kind != THRESHOLD
        }

    def explained(self, alert: Alert, why: Explanation) -> Alert:
        """The alert with its explanation, from now on."""
        alert = msgspec.structs.replace(alert, explanation=why)
        self._newest[alert.topic, alert.rule] = alert
        return alert

    def step(
        self,
        end_ms: int,
        detector: Detector,
        thresholds: Thresholds,
        missing: Container[str] = (),
    ) -> list[Change]:
        """The minute before `end_ms` has closed; what changed, in a fixed order."""
        changes = []
        for name in sorted(self._candidates(detector, thresholds) | self._awake):
            before = self._newest.get(name)
            rule = self._rules.get(name)
            if rule is None:
                change = self._retire(before, end_ms)
            elif name[0] in missing:
                change = self._wait(before)
            else:
                reading = read(name[0], rule, end_ms, detector, thresholds)
                change = self._judge(name[0], rule, before, reading, end_ms)
            if change is not None:
                self._take(name, change.alert)
                changes.append(change)
        return changes

    def _take(self, name: tuple[str, str], alert: Alert) -> None:
        self._newest[name] = alert
        if alert.is_open or alert.owed:
            self._awake.add(name)
        else:
            self._awake.discard(name)

    def _candidates(self, detector: Detector, thresholds: Thresholds) -> set[tuple[str, str]]:
        return set(self._met(detector, thresholds))

    def _met(self, detector: Detector, thresholds: Thresholds) -> Iterator[tuple[str, str]]:
        for (kind, per_week), topics in self._by_kind.items():
            for topic in detector.candidates(kind, per_week):
                for rule in topics.get(topic, ()):
                    yield topic, rule.name
        for rule in thresholds.rules:
            for topic in thresholds.candidates(rule):
                yield topic, rule.name

    # -- one alert --------------------------------------------------------------

    def _judge(
        self, topic: str, rule: Rule, before: Alert | None, reading: Reading | None, end_ms: int
    ) -> Change | None:
        if before is None or not before.is_open:
            if reading is not None and reading.opens and not _cooling(before, rule, end_ms):
                return self._open(topic, rule, before, reading, end_ms)
            return None if before is None else _settle(before, rule, end_ms)
        if reading is None or not reading.upholds:
            return _calm(before, rule, reading, end_ms)
        return _upheld(before, rule, reading, end_ms)

    def _open(
        self, topic: str, rule: Rule, before: Alert | None, reading: Reading, end_ms: int
    ) -> Change:
        onset = reading.since_ms
        if before is not None and before.resolved_ms is not None:
            onset = max(onset, before.resolved_ms)
        alert = Alert(
            id=alert_id(self._namespace, topic, rule.name, onset),
            namespace=self._namespace,
            topic=topic,
            rule=rule.name,
            kind=rule.kind,
            severity=rule.severity,
            state="open",
            onset_ms=onset,
            opened_ms=end_ms,
            changed_ms=end_ms,
            resolved_ms=None,
            observed=reading.observed,
            expected=reading.expected,
            low=reading.low,
            high=reading.high,
            per_week=reading.per_week,
            posts=reading.posts,
            negative=reading.negative,
            peak_observed=reading.observed,
            peak_ms=end_ms,
            told=reading.observed if rule.kind == THRESHOLD else reading.distance,
            tell=rule.tell,
            measure=MEASURES.get(rule.kind, rule.measure),
        )
        quiet = is_quiet(rule, end_ms)
        return Change(
            msgspec.structs.replace(alert, owed="opened" if quiet else ""),
            "opened",
            heard=not quiet,
            streamed=True,
        )

    def _wait(self, before: Alert | None) -> Change | None:
        """A source was away: calm is not counted on."""
        if before is None or not before.is_open or before.calm_ms is None:
            return None
        return Change(msgspec.structs.replace(before, calm_ms=before.calm_ms + MINUTE_MS))

    def _retire(self, before: Alert | None, end_ms: int) -> Change | None:
        """Its rule is there no more."""
        if before is None:
            return None
        if not before.is_open:
            return Change(msgspec.structs.replace(before, owed=""))
        return _resolve(before, None, end_ms)


def _cooling(before: Alert | None, rule: Rule, end_ms: int) -> bool:
    if before is None or before.resolved_ms is None:
        return False
    return end_ms < before.resolved_ms + rule.cool_down_ms


def _settle(before: Alert, rule: Rule, end_ms: int) -> Change | None:
    """After quiet hours receivers hear what they are owed."""
    if not before.owed or is_quiet(rule, end_ms):
        return None
    owed: EventKind = before.owed
    alert = msgspec.structs.replace(before, owed="", sequence=before.sequence + 1)
    return Change(alert, owed, heard=True)


def _upheld(before: Alert, rule: Rule, reading: Reading, end_ms: int) -> Change:
    alert = _figures(before, reading, end_ms)
    if (
        reading.opens
        and end_ms - before.changed_ms >= WORSENS_AFTER_MS
        and _is_worse(before, rule, reading)
    ):
        told = reading.observed if rule.kind == THRESHOLD else reading.distance
        alert = msgspec.structs.replace(alert, state="worse", told=told)
        return _changed(alert, "worsened", rule, end_ms)
    return _settle(alert, rule, end_ms) or Change(alert)


def _calm(before: Alert, rule: Rule, reading: Reading | None, end_ms: int) -> Change:
    calm_ms = end_ms - MINUTE_MS if before.calm_ms is None else before.calm_ms
    alert = before if reading is None else _figures(before, reading, end_ms)
    alert = msgspec.structs.replace(alert, calm_ms=calm_ms)
    if end_ms - calm_ms >= rule.resolve_after_ms:
        return _resolve(alert, rule, end_ms)
    return _settle(alert, rule, end_ms) or Change(alert)


def _resolve(before: Alert, rule: Rule | None, end_ms: int) -> Change:
    alert = msgspec.structs.replace(before, state="resolved", resolved_ms=end_ms)
    return _changed(alert, "resolved", rule, end_ms)


def _changed(alert: Alert, event: EventKind, rule: Rule | None, end_ms: int) -> Change:
    """What receivers never heard of needs no end."""
    unheard = alert.owed == "opened"
    quiet = rule is not None and is_quiet(rule, end_ms)
    owed: Literal["", "opened", "worsened", "resolved"] = event if quiet else ""
    if unheard:
        owed = "" if event == "resolved" else "opened" if quiet else ""
        event = event if event == "resolved" or quiet else "opened"
    alert = msgspec.structs.replace(
        alert, changed_ms=end_ms, sequence=alert.sequence + 1, owed=owed
    )
    heard = not quiet and not (unheard and event == "resolved")
    return Change(alert, event, heard=heard, streamed=True)


def _figures(before: Alert, reading: Reading, end_ms: int) -> Alert:
    """The alert with what is seen now; its peak is what was farthest from the expected."""
    farther = _beyond(before, reading)
    return msgspec.structs.replace(
        before,
        observed=reading.observed,
        expected=reading.expected,
        low=reading.low,
        high=reading.high,
        per_week=reading.per_week,
        posts=reading.posts,
        negative=reading.negative,
        peak_observed=reading.observed if farther else before.peak_observed,
        peak_ms=end_ms if farther else before.peak_ms,
        calm_ms=None,
    )


def _beyond(before: Alert, reading: Reading) -> bool:
    """Farther out than the peak, on the side on which the alert opened."""
    down = before.peak_observed < before.expected
    return (
        reading.observed < before.peak_observed if down else reading.observed > before.peak_observed
    )


def _is_worse(before: Alert, rule: Rule, reading: Reading) -> bool:
    if rule.kind != THRESHOLD:
        return reading.distance >= rule.worsens_by * before.told
    now, told = reading.observed, before.told
    if rule.above is not None:
        return now >= rule.worsens_by * told if told > 0 else False
    return now <= rule.worsens_by * told if told < 0 else now <= told / rule.worsens_by and told > 0
