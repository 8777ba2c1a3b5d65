"""What a rule sees of a topic at the end of a minute: a detector's finding, or a plain window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from services.alerts.detector_types import Finding
from services.alerts.thresholds import Thresholds, least_posts, measured
from services.topics.rules import THRESHOLD, Rule

UPHOLDS: Final = 10.0
"""Without `resolves_at`, a detector upholds an alert at ten times the false alarms that open it."""


class Detector(Protocol):
    """What is asked of `services.alerts.detector.Bank`."""

    def finding(self, topic: str, kind: str) -> Finding | None: ...

    def candidates(self, kind: str, per_week: float) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What one rule sees of one topic at the end of a minute."""

    observed: float
    expected: float
    low: float
    high: float
    per_week: float | None
    posts: int
    negative: int
    since_ms: int
    opens: bool
    upholds: bool

    @property
    def distance(self) -> float:
        return abs(self.observed - self.expected)


def read(
    topic: str, rule: Rule, end_ms: int, detector: Detector, thresholds: Thresholds
) -> Reading | None:
    if rule.kind == THRESHOLD:
        return _read_threshold(topic, rule, end_ms, thresholds)
    finding = detector.finding(topic, rule.kind)
    if finding is None:
        return None
    upholds = rule.resolves_at
    if upholds is None:
        upholds = UPHOLDS * rule.false_alarms_per_week
    return Reading(
        finding.observed,
        finding.expected,
        finding.low,
        finding.high,
        finding.per_week,
        finding.posts,
        finding.negative,
        finding.since_ms,
        opens=finding.agreed
        and finding.per_week <= rule.false_alarms_per_week
        and finding.posts >= rule.minimum_posts,
        upholds=finding.per_week <= upholds,
    )


def _read_threshold(topic: str, rule: Rule, end_ms: int, thresholds: Thresholds) -> Reading | None:
    window = thresholds.window(topic, rule)
    value = measured(rule, window)
    limit = rule.above if rule.above is not None else rule.below
    assert limit is not None
    posts = window.negative + window.neutral + window.positive
    if value is None:
        return None
    ends = limit if rule.resolves_at is None else rule.resolves_at
    up = rule.above is not None
    return Reading(
        value, limit, limit, limit, None, posts, window.negative, end_ms - rule.window_ms,
        opens=(value > limit if up else value < limit) and posts >= least_posts(rule),
        upholds=value > ends if up else value < ends,
    )  # fmt: skip
