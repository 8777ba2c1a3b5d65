"""When rolling windows are written."""

from __future__ import annotations

from collections.abc import Sequence

from services.aggregation.windows import Windows

END = 1_700_000_000_000


class Clock:
    ms = 100_000

    def __call__(self) -> int:
        return self.ms


class Rolls:
    """Takes down what was written; each chunk takes `cost_ms`."""

    def __init__(self, clock: Clock, cost_ms: int = 0) -> None:
        self._clock, self._cost_ms = clock, cost_ms
        self.written: list[tuple[str, str, int, bool]] = []

    def __call__(self, topics: Sequence[tuple[str, str, int, bool]]) -> None:
        self.written += topics
        self._clock.ms += self._cost_ms

    def take(self) -> list[str]:
        names = [topic for _, topic, _, _ in self.written]
        self.written = []
        return names


def made(cost_ms: int = 0) -> tuple[Windows, Rolls, Clock]:
    clock = Clock()
    rolls = Rolls(clock, cost_ms)
    return Windows(rolls, clock, budget_ms=200), rolls, clock


def end_of(_: str) -> int:
    return END


def test_an_active_topic_is_written_at_most_once_a_second() -> None:
    windows, rolls, clock = made()
    for _ in range(30):
        windows.touch(("live", "brand"), END)
        windows.write(end_of)
        clock.ms += 100
    assert len(rolls.written) == 3


def test_a_quiet_topic_is_written_as_time_moves_on_until_it_is_empty() -> None:
    windows, rolls, clock = made()
    windows.touch(("live", "brand"), END)
    for step in range(100_000):
        windows.write(lambda _, end=END + 1_000 * step: end // 10_000 * 10_000)  # type: ignore[misc]
        clock.ms += 1_000
    last = rolls.written[-1][2]
    assert 8_600 < len(rolls.written) < 8_700
    assert END + 86_400_000 < last < END + 86_500_000


def test_nothing_moves_where_time_stands_still() -> None:
    windows, rolls, clock = made()
    windows.touch(("replay", "brand"), END)
    for _ in range(50):
        windows.write(end_of)
        clock.ms += 1_000
    assert len(rolls.written) == 1


def test_what_exceeds_the_budget_waits_its_turn() -> None:
    windows, rolls, clock = made(cost_ms=150)
    names = [f"brand {n}" for n in range(300)]
    for name in names:
        windows.touch(("live", name), END)
    windows.write(end_of)
    first = rolls.take()
    assert len(first) == 128  # two chunks of 64 took 300 ms
    for name in names:
        windows.touch(("live", name), END)
    clock.ms += 2_000
    windows.write(end_of)
    assert not set(rolls.take()) & set(first)


def test_authors_and_top_posts_are_gathered_less_often() -> None:
    windows, rolls, clock = made()
    for _ in range(20):
        windows.touch(("live", "brand"), END)
        windows.write(end_of)
        clock.ms += 1_000
    assert [refresh for *_, refresh in rolls.written] == [True] + [False] * 9 + [True] + [False] * 9


def test_a_deletion_refreshes_at_once() -> None:
    windows, rolls, clock = made()
    windows.touch(("live", "brand"), END)
    windows.write(end_of)
    clock.ms += 1_000
    windows.touch(("live", "brand"), END, refresh=True)
    windows.write(end_of)
    assert rolls.written[-1][3]


def test_a_namespace_without_time_waits() -> None:
    windows, rolls, _ = made()
    windows.touch(("replay", "brand"), END)
    windows.write(lambda _: None)
    assert not rolls.written


def test_a_window_never_ends_earlier_than_before() -> None:
    windows, rolls, clock = made()
    for end in (END, END - 50_000):
        windows.touch(("replay", "brand"), END)
        windows.write(lambda _, end=end: end)  # type: ignore[misc]
        clock.ms += 1_000
    assert [end for _, _, end, _ in rolls.written] == [END, END]
