"""The engine: when alerts open, worsen and resolve, and who hears of it. Timelines in minutes."""

from __future__ import annotations

from collections.abc import Mapping

from services.alerts.detector_types import Finding, Minute
from services.alerts.engine import Change, Engine
from services.alerts.gaps import Everything
from services.alerts.thresholds import Thresholds
from services.topics.rules import QuietHours, Rule

START_MS = 1_700_000_000_000 // 3_600_000 * 3_600_000
"""22:00 UTC, 14 November 2023."""
MINUTE = 60_000
RULE = Rule("mood", "negative_share", resolve_after_ms=3 * MINUTE, cool_down_ms=5 * MINUTE)


class Seen:
    """Implements `Detector`: what a test says that it found."""

    def __init__(self) -> None:
        self.findings: dict[tuple[str, str], Finding] = {}

    def finding(self, topic: str, kind: str) -> Finding | None:
        return self.findings.get((topic, kind))

    def candidates(self, kind: str, per_week: float) -> list[str]:
        return [t for (t, k), f in self.findings.items() if k == kind and f.per_week <= per_week]


def found(per_week: float, observed: float = 0.5, posts: int = 40, since: int = 0) -> Finding:
    return Finding(
        surprise=1e-6,
        per_week=per_week,
        agreed=True,
        observed=observed,
        expected=0.1,
        low=0.05,
        high=0.2,
        posts=posts,
        negative=round(posts * observed),
        since_ms=since * MINUTE,
    )


class Timeline:
    """Steps an engine by minutes of `a`; says what happened."""

    def __init__(self, *rules: Rule, topic: str = "a", start_ms: int = START_MS) -> None:
        self.rules = {topic: rules}
        self.topic, self.now_ms = topic, start_ms
        self.engine = Engine("n", self.rules)
        self.thresholds = Thresholds(self.rules)
        self.seen = Seen()
        self.changes: list[Change] = []

    def restart(self) -> None:
        newest = {(c.alert.topic, c.alert.rule): c.alert for c in self.changes}
        self.engine = Engine("n", self.rules, newest)

    def minute(
        self,
        finding: Finding | None = None,
        *,
        away: bool = False,
        panes: Mapping[str, Minute] | None = None,
        kind: str = "negative_share",
    ) -> str:
        """What happened, and in capitals where receivers hear it: "OPENED", "", …"""
        self.now_ms += MINUTE
        self.seen.findings = {} if finding is None else {(self.topic, kind): finding}
        self.thresholds.step(self.now_ms, panes or {})
        missing = Everything() if away else ()
        changes = self.engine.step(self.now_ms, self.seen, self.thresholds, missing)
        self.changes += changes
        events = [c.event.upper() if c.heard else c.event for c in changes if c.event]
        return ",".join(events)

    def minutes(self, *findings: Finding | None) -> list[str]:
        return [self.minute(finding) for finding in findings]


CALM, BAD = found(5.0), found(0.01)


def test_opens_once_and_resolves_after_calm() -> None:
    line = Timeline(RULE)
    assert line.minutes(CALM, BAD, BAD, BAD) == ["", "OPENED", "", ""]
    assert line.minutes(CALM, None, CALM) == ["", "", "RESOLVED"]
    last = line.changes[-1].alert
    assert (last.state, last.resolved_ms, last.sequence) == ("resolved", line.now_ms, 2)


def test_hysteresis_ten_times_the_sensitivity_upholds() -> None:
    line = Timeline(RULE)
    nearly = found(0.9)
    assert line.minutes(nearly, BAD, *[nearly] * 20) == ["", "OPENED", *[""] * 20]
    assert line.minutes(CALM, CALM, nearly, CALM, CALM, CALM) == [*[""] * 5, "RESOLVED"]


def test_too_few_posts_open_nothing_but_uphold() -> None:
    line = Timeline(RULE)
    few = found(0.01, posts=9)
    assert line.minutes(few, BAD, few, few, few, few) == ["", "OPENED", "", "", "", ""]


def test_cool_down_then_it_opens_anew_with_another_id() -> None:
    line = Timeline(RULE)
    line.minutes(BAD, None, None, None)
    assert line.minutes(*[BAD] * 6) == ["", "", "", "", "OPENED", ""]
    first, second = line.changes[0].alert, line.changes[-1].alert
    assert first.id != second.id
    assert second.onset_ms >= (line.changes[3].alert.resolved_ms or 0)


def test_worsens_when_much_farther_out_and_not_at_once() -> None:
    line = Timeline(RULE)
    bad, worse, worst = found(0.01, 0.3), found(0.001, 0.45), found(1e-4, 0.9)
    assert line.minutes(bad, worse) == ["OPENED", ""]  # still filling its window
    assert line.minutes(*[bad] * 8, worse, worse) == [*[""] * 8, "WORSENED", ""]
    assert line.minutes(*[worse] * 7, worst) == [""] * 8
    assert line.minute(worst) == "WORSENED"
    alert = line.changes[-1].alert
    assert (alert.state, alert.peak_observed, alert.sequence) == ("worse", 0.9, 3)


def test_minutes_without_a_source_are_no_calm() -> None:
    line = Timeline(RULE)
    line.minutes(BAD, CALM)
    assert [line.minute(away=True) for _ in range(10)] == [""] * 10
    assert line.minutes(CALM, CALM) == ["", "RESOLVED"]
    assert line.minute(BAD, away=True) == ""


def test_a_restart_goes_on_where_it_was() -> None:
    whole, broken = Timeline(RULE), Timeline(RULE)
    path = [CALM, BAD, found(0.01, 0.4), *[BAD] * 12, found(0.001, 0.9), None, CALM, None, BAD]
    path += [BAD] * 9
    expected = whole.minutes(*path)
    told = []
    for finding in path:
        told.append(broken.minute(finding))
        broken.restart()
    assert told == expected
    assert broken.changes == whole.changes


def test_a_rule_that_is_gone_ends_its_alert() -> None:
    line = Timeline(RULE)
    line.minute(BAD)
    line.rules = {}
    line.restart()
    assert line.minutes(BAD, BAD) == ["RESOLVED", ""]


def test_two_rules_of_a_topic_are_two_alerts() -> None:
    strict = Rule("strict", "negative_share", false_alarms_per_week=0.001)
    line = Timeline(RULE, strict)
    assert line.minute(BAD) == "OPENED"
    assert line.minute(found(0.0001)) == "OPENED"
    assert {c.alert.rule for c in line.changes} == {"mood", "strict"}


# -- quiet hours ------------------------------------------------------------------------

NIGHT = QuietHours(23 * 60, 1 * 60, "Europe/Berlin")
"""At 22:00 UTC in November it is 23:00 there: START_MS is where the night begins."""


def quiet(**more: object) -> Rule:
    return Rule("mood", "negative_share", quiet_hours=NIGHT, resolve_after_ms=3 * MINUTE, **more)  # type: ignore[arg-type]


def test_within_quiet_hours_the_stream_alone_hears() -> None:
    line = Timeline(quiet())
    assert line.minute(BAD) == "opened"
    (change,) = line.changes
    assert (change.streamed, change.alert.owed) == (True, "opened")


def test_after_quiet_hours_what_is_still_open_is_told_once() -> None:
    line = Timeline(quiet())
    assert line.minutes(*[BAD] * 119) == ["opened", *[""] * 118]
    assert line.minutes(BAD, BAD) == ["OPENED", ""]
    assert not line.changes[-2].streamed
    assert line.changes[-1].alert.owed == ""


def test_what_came_and_went_in_the_night_is_not_told() -> None:
    line = Timeline(quiet())
    assert line.minutes(BAD, None, None, None) == ["opened", "", "", "resolved"]
    assert line.minutes(*[None] * 130) == [""] * 130


def test_an_end_in_the_night_is_told_in_the_morning() -> None:
    line = Timeline(quiet(), start_ms=START_MS - 30 * MINUTE)
    assert line.minutes(*[BAD] * 29)[0] == "OPENED"
    assert line.minutes(*[None] * 3) == ["", "", "resolved"]
    assert "RESOLVED" in line.minutes(*[None] * 130)


def test_critical_knows_no_quiet_hours() -> None:
    assert Timeline(quiet(severity="critical")).minute(BAD) == "OPENED"


# -- thresholds -------------------------------------------------------------------------


def posts(negative: int, positive: int, score: int = 0) -> Mapping[str, Minute]:
    return {"a": Minute(negative, 0, positive, score)}


def test_a_threshold_over_its_window() -> None:
    rule = Rule(
        "half", "threshold", above=0.5, resolves_at=0.3, window_ms=3 * MINUTE, minimum_posts=4,
        resolve_after_ms=MINUTE,
    )  # fmt: skip
    line = Timeline(rule)
    assert line.minute(panes=posts(3, 0)) == ""  # three posts are too few
    assert line.minute(panes=posts(1, 1)) == "OPENED"  # 4 of 5
    assert line.minute(panes=posts(0, 5)) == ""  # 4 of 10 upholds it
    assert line.minute(panes=posts(0, 1)) == "RESOLVED"  # 1 of 8: the first three are past
    alert = line.changes[0].alert
    assert (alert.observed, alert.expected, alert.per_week) == (0.8, 0.5, None)


def test_silence_can_be_a_threshold() -> None:
    rule = Rule("silence", "threshold", measure="posts", below=1, window_ms=2 * MINUTE)
    line = Timeline(rule)
    assert line.minute(panes=posts(0, 1)) == ""
    assert [line.minute() for _ in range(3)] == ["", "OPENED", ""]


def test_a_mean_below_its_limit() -> None:
    rule = Rule(
        "low", "threshold", measure="mean_score", below=-0.2, window_ms=MINUTE, minimum_posts=1
    )
    line = Timeline(rule)
    assert line.minute(panes=posts(1, 1, -3_000)) == ""
    assert line.minute(panes=posts(2, 0, -10_000)) == "OPENED"
    assert line.changes[0].alert.observed == -0.5


def test_windows_across_skipped_minutes() -> None:
    rule = Rule("many", "threshold", measure="posts", above=2, window_ms=5 * MINUTE)
    line = Timeline(rule)
    line.minute(panes=posts(2, 0))
    line.now_ms += 3 * MINUTE
    assert line.minute(panes=posts(1, 0)) == "OPENED"  # all within five minutes
    line.now_ms += 60 * MINUTE
    line.minute(panes=posts(1, 0))
    assert line.changes[-1].alert.observed == 1.0
