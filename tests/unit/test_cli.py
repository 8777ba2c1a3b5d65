"""What is asked for wrongly is answered in one line, before any work."""

from __future__ import annotations

import pytest

from services.cli.hops import _speed, _time
from services.errors import UsageError


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
