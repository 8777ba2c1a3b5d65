"""The token and the sessions it opens."""

from __future__ import annotations

import pytest

from services.dashboard.session import GUESSES, GUESSES_S, SESSION_S, Keeper
from services.errors import UsageError

TOKEN = "a long enough token"


class Clock:
    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keeper(clock: Clock) -> Keeper:
    return Keeper(TOKEN, clock)


def test_a_short_token_is_refused() -> None:
    with pytest.raises(UsageError, match="16 characters"):
        Keeper("fifteen letters", lambda: 0)


def test_right_and_wrong(keeper: Keeper) -> None:
    assert keeper.try_token(TOKEN, "me") is None
    assert keeper.try_token(TOKEN + " ", "me") == 0
    assert keeper.try_token("", "me") == 0
    assert keeper.try_token("\ud800 ünïcode", "me") == 0


def test_guesses_are_slowed_down_by_address(keeper: Keeper, clock: Clock) -> None:
    assert [keeper.try_token("no", "them") for _ in range(GUESSES)] == [0] * GUESSES
    assert keeper.try_token(TOKEN, "them") == GUESSES_S
    assert keeper.try_token(TOKEN, "me") is None
    clock.ms += GUESSES_S * 1000
    assert keeper.try_token(TOKEN, "them") is None


def test_guesses_from_one_network_count_together(keeper: Keeper) -> None:
    """Whoever has an IPv6 address has 2^64 of them, and an IPv4 address by its other name."""
    for number in range(GUESSES):
        assert keeper.try_token("no", f"2001:db8:1:2::{number:x}") == 0
        assert keeper.try_token("no", "::ffff:192.0.2.7") == 0
    assert keeper.try_token(TOKEN, "2001:db8:1:2:ffff::1") == GUESSES_S
    assert keeper.try_token(TOKEN, "192.0.2.7") == GUESSES_S
    assert keeper.try_token(TOKEN, "2001:db8:1:3::1") is None


def test_memory_of_guesses_is_bounded(keeper: Keeper) -> None:
    for number in range(30_000):
        keeper.try_token("no", str(number))
    assert len(keeper._wrong) <= 10_000


def test_a_session_lasts_over_restarts_and_ends(keeper: Keeper, clock: Clock) -> None:
    session = keeper.new_session()
    assert keeper.knows_session(session)
    assert Keeper(TOKEN, clock).knows_session(session)
    assert not Keeper("another long token", clock).knows_session(session)
    clock.ms += SESSION_S * 1000
    assert not keeper.knows_session(session)


@pytest.mark.parametrize(
    "value",
    ["", ".", "1.2", "x.y", "-1.aa", "١٧.aa", "1700000000.", "99999999999999999999.aa", "1.ä"],
)
def test_made_up_sessions(keeper: Keeper, value: str) -> None:
    assert not keeper.knows_session(value)


def test_a_session_can_not_be_prolonged(keeper: Keeper) -> None:
    issued, _, digest = keeper.new_session().partition(".")
    assert not keeper.knows_session(f"{int(issued) + 1}.{digest}")
    assert not keeper.knows_session(f"0{issued}.{digest}")
