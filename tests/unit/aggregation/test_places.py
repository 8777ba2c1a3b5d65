"""Positions are written with the marks that were known right there."""

from __future__ import annotations

from services.aggregation import watermark
from services.aggregation.places import Places
from services.aggregation.watermark import Marks
from services.store.store import Progress
from tests.scores import START_MS, mark

NS = "replay-1"


def told(second: int) -> dict[str, Marks]:
    return {NS: Marks().heard(mark(second * 1_000), 0)}


def seconds(progress: Progress) -> int | None:
    marks = watermark.load(progress.marks).get(NS)
    return None if marks is None else ((marks.watermark_ms or 0) - START_MS) // 1_000


def test_a_position_between_two_batches_takes_the_marks_of_the_first() -> None:
    #  batches   |---- to 10 ----|---- to 20 ----|
    #  marks                     5 s             9 s
    places = Places()
    places.begin(0, None, {})
    places.reach(0, 10, told(5))
    places.reach(0, 20, told(9))
    for position, second in ((9, None), (10, 5), (19, 5), (20, 9), (25, 9)):
        assert seconds(places.at({0: position})[0]) == second


def test_what_was_written_is_what_comes_before_the_next_batch() -> None:
    places = Places()
    places.begin(0, None, {})
    places.reach(0, 10, told(5))
    places.wrote(places.at({0: 10}))
    assert seconds(places.at({0: 10})[0]) == 5
    places.reach(0, 20, told(9))
    assert seconds(places.at({0: 15})[0]) == 5
    assert places.stored[0].position == 10


def test_a_partition_goes_on_with_the_marks_in_the_store() -> None:
    places = Places()
    places.begin(0, Progress(10, watermark.dump(told(5))), {})
    assert places.marks == {0: told(5)}


def test_positions_of_other_workers_partitions_are_left_alone() -> None:
    places = Places()
    places.begin(0, None, {})
    places.begin(1, None, {})
    places.end([1])
    assert set(places.at({0: 1, 1: 1})) == {0}


def test_the_durable_watermark_is_what_every_partition_has_reached() -> None:
    places = Places()
    places.begin(0, Progress(1, watermark.dump(told(5))), {})
    places.begin(1, None, {})
    assert places.durable_ms(NS) is None
    places.reach(1, 4, told(3))
    assert places.durable_ms(NS) is None
    places.wrote(places.at({1: 4}))
    assert places.durable_ms(NS) == START_MS + 3_000
