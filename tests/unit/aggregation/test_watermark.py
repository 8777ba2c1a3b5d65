"""Watermarks as little timelines: a letter is a partition of posts, told its newest second."""

from __future__ import annotations

from services.aggregation.watermark import Marks, dump, load
from tests.scores import START_MS, mark


def run(timeline: str, partitions: int, lateness_s: int = 0) -> list[int | None]:
    """The watermark in seconds after each word: `A5` partition 0 at 5 s; `~` idle, `.` ended."""
    marks, seen = Marks(), []
    for word in timeline.split():
        idle, ended = word.endswith("~"), word.endswith(".")
        second = int(word[1:].rstrip("~."))
        record = mark(second * 1000, ord(word[0]) - 65, partitions, idle=idle, ended=ended)
        marks = marks.heard(record, lateness_s * 1000)
        at = marks.watermark_ms
        seen.append(None if at is None else (at - START_MS) // 1000)
    return seen


def test_one_partition_moves_it_alone() -> None:
    assert run("A1 A2 A7", 1) == [1, 2, 7]


def test_it_is_unknown_until_every_partition_was_heard() -> None:
    assert run("A9 A10 B3", 2) == [None, None, 3]


def test_the_slowest_partition_holds_it_back() -> None:
    assert run("A5 B3 A9 B4 B20", 2) == [None, 3, 3, 4, 9]


def test_it_never_goes_back() -> None:
    # After a crash, inference says again what it said; a partition that was idle wakes up.
    assert run("A5 B8 A3 B6", 2) == [None, 5, 5, 5]
    assert run("A5 B9~ A12 B10", 2) == [None, 5, 12, 12]


def test_an_idle_partition_does_not_count_until_it_wakes() -> None:
    assert run("A5 B3 B3~ A8 B9 A20", 2) == [None, 3, 5, 8, 8, 9]


def test_an_ended_partition_never_counts_again() -> None:
    assert run("A5 B3. A8 A9", 2) == [None, 5, 8, 9]


def test_where_all_are_idle_or_ended_nothing_holds_it_back() -> None:
    assert run("A5~ B8~", 2) == [None, 8]
    assert run("A5. B8.", 2) == [None, 8]


def test_the_allowed_lateness_is_taken_off() -> None:
    assert run("A40 B70", 2, lateness_s=30) == [None, 10]


def test_a_partition_without_any_post_says_so_with_zero() -> None:
    marks = Marks().heard(mark(-START_MS, 0, 2, ended=True), 0).heard(mark(9_000, 1, 2), 0)
    assert marks.watermark_ms == START_MS + 9_000
    empty = Marks().heard(mark(-START_MS, 0, 1, ended=True), 0)
    assert empty.watermark_ms is None
    assert empty.ended


def test_ended_means_every_partition() -> None:
    marks = Marks().heard(mark(5_000, 0, 2, ended=True), 0)
    assert not marks.ended
    assert marks.heard(mark(1_000, 1, 2, ended=True), 0).ended


def test_marks_survive_the_store() -> None:
    marks = {"live": Marks().heard(mark(5_000, 0, 2), 0).heard(mark(7_000, 1, 2, idle=True), 0)}
    assert load(dump(marks)) == marks
    assert load(b"") == {}
