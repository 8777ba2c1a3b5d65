"""What is asked for wrongly is answered in one line, before any work."""

from __future__ import annotations

import pytest

from services.cli.hops import _speed, _time
from services.cli.show import notes
from services.errors import UsageError
from services.ingest.media import FETCHING_OFF
from services.ingest.source import Counters


def test_times_and_speeds() -> None:
    assert _time("--from", None) is None
    assert _time("--from", "1970-01-01T00:00:01Z") == 1000
    assert _speed("max") is None
    assert _speed("2.5") == 2.5


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="--to yesterday: expected a time"):
        _time("--to", "yesterday")


@pytest.mark.parametrize("text", ["fast", "0", "-1", "inf", "nan"])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected `max`"):
        _speed(text)


@pytest.mark.parametrize(
    ("counters", "hint"),
    [
        (Counters(dead_lettered=1), "dead-letters list"),
        (Counters(), "No post was read"),
        (Counters(posts_read=5), "text_only: true"),
        (
            Counters(posts_read=1, posts_matched=1, images_missing=1, reasons={FETCHING_OFF: 1}),
            "--media",
        ),
    ],
)
def test_a_replay_that_disappoints_says_what_to_do(counters: Counters, hint: str) -> None:
    assert any(hint in line for line in notes(counters))


def test_a_replay_as_it_should_be_needs_no_notes() -> None:
    assert notes(Counters(posts_read=9, posts_matched=9, images_ok=9)) == []
