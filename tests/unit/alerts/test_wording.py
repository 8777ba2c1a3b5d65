"""What people read: titles and sentences of every kind of alert."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as given_of
from hypothesis import strategies as st

from services.alerts import wording
from services.store.alerts import Explanation
from tests.unit.alerts.messages import MINUTE, NOW, WHY, event


def test_an_opened_alert_says_what_how_bad_since_when_and_why() -> None:
    told = event()
    assert wording.title(told) == "acme: 46% of posts are negative, 21% is usual"
    assert wording.text(told).splitlines() == [
        "61 of the last 132 posts are negative (46%). At this hour 21% (13% to 30%) is usual. "
        "It began at 22:03 UTC, 12 minutes earlier.",
        "New in the posts: “battery” (15% of the authors, none the day before), “#batterygate” "
        "(10% of the authors, 0.4% the day before).",
        "On a calm topic that happens about once in 5 years.",
    ]
    assert dict(wording.facts(told)) == {
        "Now": "46% negative",
        "Usual": "21% (13% to 30%)",
        "Since": "Tue 14 Nov 2023, 22:03 UTC (12 minutes)",
        "Posts": "140 posts by 118 authors",
        "Reposts": "34% of the posts",
    }


def test_a_worsened_alert_says_so_and_names_a_cascade() -> None:
    why = Explanation(cascade="62% of the negative posts are reposts of one post.")
    told = event("worsened", explanation=why, peak_observed=0.58)
    assert wording.title(told) == "acme: getting worse, 58% of posts are negative, 21% is usual"
    assert wording.text(told).endswith("\n62% of the negative posts are reposts of one post.")


def test_a_resolved_alert_says_how_long_and_how_bad_it_was() -> None:
    told = event("resolved", peak_ms=NOW + 10 * MINUTE)
    assert wording.title(told) == "acme: over after 48 minutes"
    assert wording.text(told) == (
        "What began at 22:03 UTC is over: the share of negative posts is 22%, usual is "
        "21% (13% to 30%). At its worst it was 58% at 22:25 UTC."
    )


COUNTS = {"measure": "negative_volume", "kind": "negative_volume"}
MOOD = {"measure": "mean_score", "kind": "sentiment_drop"}
NEGATIVES = "{} negative posts in 12 minutes, {} is usual"
LIMIT = {"kind": "threshold", "per_week": None}


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        (COUNTS | {"observed": 84.0, "expected": 20.4}, NEGATIVES.format(84, 20)),
        (COUNTS | {"observed": 4.0, "expected": 0.4}, NEGATIVES.format(4, 0.4)),
        (MOOD | {"observed": -0.35, "expected": 0.2}, "mood at −0.35, +0.20 is usual"),
        (
            LIMIT | {"observed": 0.52, "expected": 0.5},
            "52% of posts are negative, above the limit of 50%",
        ),
        (
            LIMIT | {"measure": "posts", "observed": 1234.0, "expected": 1000.0},
            "1,234 posts in 12 minutes, above the limit of 1,000",
        ),
        (
            LIMIT | {"measure": "mean_score", "observed": -0.3, "expected": -0.2},
            "mood at −0.30, below the limit of −0.20",
        ),
    ],
)
def test_every_kind_has_its_title(changes: dict[str, Any], title: str) -> None:
    assert wording.title(event(**changes)) == f"acme: {title}"


def test_a_threshold_tells_its_window_and_no_rarity() -> None:
    text = wording.text(event(**LIMIT, expected=0.4, explanation=Explanation()))
    assert text == (
        "61 of the last 132 posts are negative (46%); the limit is 40%. "
        "That is from 22:03 UTC to 22:15 UTC."
    )


@pytest.mark.parametrize(
    ("per_week", "words"),
    [
        (20.0, "about 20 times a week"),
        (1.2, "about once a week"),
        (0.1, "about once in 10 weeks"),
        (0.017, "about once a year"),
        (0.004, "about once in 5 years"),
        (1e-9, "less than once in 10 years"),
        (0.0, "less than once in 10 years"),
    ],
)
def test_rarity_in_words(per_week: float, words: str) -> None:
    assert wording.rarity(per_week) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 minutes"),
        (1, "1 minute"),
        (60, "1 hour"),
        (125, "2 hours 5 minutes"),
        (2900, "2 days"),
    ],
)
def test_spans_in_words(minutes: int, words: str) -> None:
    assert wording.span(minutes * MINUTE) == words


FIGURES = st.floats(-1e6, 1e6)


@given_of(
    kind=st.sampled_from(("opened", "worsened", "resolved")),
    measure=st.sampled_from(("negative_share", "negative_volume", "posts", "mean_score")),
    per_week=st.one_of(st.none(), st.floats(0, 1e4)),
    figures=st.tuples(*[FIGURES] * 5),
)
def test_any_alert_can_be_told(
    kind: str, measure: str, per_week: float | None, figures: tuple[float, ...]
) -> None:
    names = ("observed", "expected", "low", "high", "peak_observed")
    given = dict(zip(names, figures, strict=True))
    told = event(kind, measure=measure, per_week=per_week, explanation=WHY, **given)
    assert wording.title(told).startswith("acme: ")
    assert wording.text(told)
    assert all(name and value for name, value in wording.facts(told))
