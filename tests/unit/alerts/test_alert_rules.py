"""Rules of alerts in a topics file: what is read, what is refused and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.errors import UsageError
from services.topics import load_topics, parse_topics
from services.topics.rules import DEFAULT, QuietHours, Rule

EXAMPLE = Path(__file__).parents[3] / "topics.example.yaml"
MINUTE = 60_000


def rules(text: str) -> tuple[Rule, ...]:
    """Those of topic `a`, below which `text` stands indented."""
    (topic,) = parse_topics(f"topics:\n  a:\n    query: b\n    alerts:\n{text}", "t.yaml")
    return topic.alerts


def refused(text: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        parse_topics(text, "t.yaml")
    return str(caught.value).splitlines()


def test_everything_that_can_be_said() -> None:
    (rule,) = rules(
        """
      - kind: negative_volume
        name: volume & mood
        false_alarms_per_week: 0.5
        minimum_posts: 20
        resolves_at: 2
        worsens_by: 2.5
        resolve_after: 1h
        cool_down: 2d
        severity: critical
        quiet_hours: {from: 22:00, to: 07:00, zone: Europe/Berlin}
        tell: [slack, email, slack]
"""
    )
    assert rule == Rule(
        "volume & mood",
        "negative_volume",
        severity="critical",
        false_alarms_per_week=0.5,
        minimum_posts=20,
        resolves_at=2.0,
        worsens_by=2.5,
        resolve_after_ms=60 * MINUTE,
        cool_down_ms=2 * 24 * 60 * MINUTE,
        quiet_hours=QuietHours(22 * 60, 7 * 60, "Europe/Berlin"),
        tell=("slack", "email"),
    )


def test_thresholds() -> None:
    high, low = rules(
        "      - {kind: threshold, above: 0.5, resolves_at: 0.4, window: 30m}\n"
        "      - {kind: threshold, name: low, measure: mean_score, below: -0.2}\n"
    )
    assert (high.name, high.above, high.resolves_at, high.window_ms) == (
        "threshold",
        0.5,
        0.4,
        30 * MINUTE,
    )
    assert (low.measure, low.below, low.above) == ("mean_score", -0.2, None)


def test_rules_for_all_and_of_their_own() -> None:
    topics = parse_topics(
        "alerts:\n  - kind: sentiment_drop\n"
        "topics:\n  a: b\n  c: {query: d, alerts: []}\n"
        "  e: {query: f, alerts: [{kind: negative_volume}]}\n",
        "t.yaml",
    )
    assert [[rule.name for rule in topic.alerts] for topic in topics] == [
        ["sentiment_drop"],
        [],
        ["negative_volume"],
    ]


def test_where_nothing_is_said_the_mood_is_watched() -> None:
    (topic,) = parse_topics("topics: {a: b}", "t.yaml")
    assert topic.alerts == DEFAULT == (Rule("negative_share", "negative_share"),)


def test_the_example_shows_rules() -> None:
    topics = load_topics(EXAMPLE)
    assert {rule.kind for topic in topics for rule in topic.alerts} >= {"negative_share"}


def test_each_mistake_with_its_line() -> None:
    assert refused(
        "topics:\n"
        "  a: b\n"
        "  c:\n"
        "    query: d\n"
        "    alerts:\n"
        "      - kind: negativ_share\n"
        "      - kind: threshold\n"
        "        above: 0.5\n"
        "        window: 90s\n"
        "      - kind: negative_share\n"
        "        false_alarm: 3\n"
        "alerts:\n"
        "  - 5\n"
        "  - {minimum_posts: 3}\n"
    ) == [
        "t.yaml:13: alerts: a rule is a mapping with a kind: negative_share, negative_volume, "
        "sentiment_drop, threshold",
        "t.yaml:14: alerts: a rule needs a kind: negative_share, negative_volume, "
        "sentiment_drop, threshold",
        "t.yaml:6: topic 'c': alerts: kind: expected one of negative_share, negative_volume, "
        "sentiment_drop, threshold, found 'negativ_share'",
        "t.yaml:9: topic 'c': alerts: window: expected a time like 15m, 2h or 1d, found '90s'",
        "t.yaml:11: topic 'c': alerts: unknown key 'false_alarm'; "
        "did you mean 'false_alarms_per_week'?",
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("kind: threshold", "a threshold needs one of above and below"),
        ("kind: threshold, above: 1, below: 0", "a threshold needs one of above and below"),
        ("kind: threshold, above: 1.5", "negative_share lies between 0 and 1"),
        ("kind: threshold, above: 0.5, resolves_at: 0.6", "it would end at once"),
        ("kind: threshold, measure: mean_score, below: 0, resolves_at: -0.1", "end at once"),
        ("kind: threshold, above: 0.5, false_alarms_per_week: 1", "for detectors alone"),
        ("kind: negative_share, above: 0.5", "above is for kind: threshold alone"),
        ("kind: negative_share, window: 5m", "window is for kind: threshold alone"),
        ("kind: negative_share, resolves_at: 0.01", "can't be under false_alarms_per_week"),
        ("kind: negative_share, false_alarms_per_week: 0", "expected a number from 1e-06 to 1000"),
        ("kind: negative_share, false_alarms_per_week: .nan", "expected a number"),
        ("kind: negative_share, false_alarms_per_week: [1]", "expected a single value"),
        ("kind: negative_share, minimum_posts: 2.5", "expected a whole number"),
        ("kind: negative_share, minimum_posts: 0", "expected a whole number"),
        ("kind: negative_share, severity: loud", "info, warning, critical, found 'loud'"),
        ("kind: negative_share, tell: slck", "found 'slck'"),
        ("kind: negative_share, name: a/b", "a name has up to 64"),
        ("kind: negative_share, kind: negative_volume", "kind stands here twice"),
        ("kind: threshold, above: 0.5, window: 2d", "24h at most"),
        ("kind: negative_share, resolve_after: 0m", "expected 1m or more"),
        ("kind: negative_share, quiet_hours: night", "expected {from:"),
        ("kind: negative_share, quiet_hours: {from: 22:00, to: 7:00}", "it lacks 'zone'"),
        (
            "kind: negative_share, quiet_hours: {from: 25:00, to: 7:00, zone: UTC}",
            "a time of day like 22:00, found '25:00'",
        ),
        (
            "kind: negative_share, quiet_hours: {from: 7:00, to: 7:00, zone: UTC}",
            "from and to are the same",
        ),
        (
            "kind: negative_share, quiet_hours: {from: 22:00, to: 7:00, zone: Berlin}",
            "no time zone is called 'Berlin'",
        ),
        (
            "kind: negative_share, quiet_hours: {from: 22:00, to: 7:00, zone: ../etc}",
            "no time zone is called '../etc'",
        ),
        (
            "kind: negative_share, quiet_hours: {from: 22:00, till: 7:00, zone: UTC}",
            "unknown key 'till'",
        ),
    ],
)
def test_what_is_refused(rule: str, message: str) -> None:
    (line,) = refused(f"topics: {{a: b}}\nalerts:\n  - {{{rule}}}\n")
    assert line.startswith("t.yaml:3: alerts: ")
    assert message in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alerts: 5\ntopics: {a: b}", "t.yaml:1: alerts: alerts is a list of rules"),
        ("alerts: []\n", "expected 'topics:' beside 'alerts:'"),
        (
            "topics: {a: b}\nalerts:\n- kind: negative_share\n- kind: negative_share\n",
            "t.yaml:4: alerts: two rules are named 'negative_share'",
        ),
    ],
)
def test_what_is_no_list_of_rules(text: str, message: str) -> None:
    assert message in refused(text)[0]
