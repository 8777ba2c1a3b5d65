"""Markers as timelines: what is read, what is written, what may be said."""

from __future__ import annotations

from services.inference.watermarks import Watermarks
from services.records import AnyRecord, Deletion, End, Watermark
from services.stream.port import Record
from tests.unit.inference.helpers import post, record

ZERO = post(0).created_at_ms


class Timeline:
    """A clock in seconds, and offsets that count up per partition."""

    def __init__(self, live: str | None = "live", partitions: tuple[int, ...] = (0,)) -> None:
        self.now_ms = 1_700_000_000_000
        self.marks = Watermarks(lambda: self.now_ms, live, idle_after_ms=30_000)
        self.marks.assigned(partitions, 2)
        self.offsets = dict.fromkeys(partitions, 0)

    def batch(self, *values: AnyRecord, partition: int = 0, age_s: float = 0) -> list[Record]:
        records = []
        for value in values:
            made = record(value, self.offsets[partition], partition)
            appended = self.now_ms - int(age_s * 1000)
            records.append(Record("posts", partition, made.offset, None, made.value, appended))
            self.offsets[partition] += 1
        self.values = values
        return records

    def read(self, *values: AnyRecord, partition: int = 0, age_s: float = 0) -> list[int]:
        """Event seconds that the batch's markers speak of."""
        records = self.batch(*values, partition=partition, age_s=age_s)
        return seconds(self.marks.read(list(zip(records, values, strict=True))))

    def written(self, partition: int = 0) -> None:
        self.marks.settle({partition: self.offsets[partition]})

    def due(self) -> list[int]:
        return seconds(self.marks.due())

    def wait(self, s: float) -> None:
        self.now_ms += int(s * 1000)


def seconds(markers: list[Watermark]) -> list[int]:
    return [(m.newest_ms - ZERO) // 1000 for m in markers]


def at(second: float, namespace: str = "live", ahead_s: float = 0) -> AnyRecord:
    """A post of this second, by a clock that is `ahead_s` fast."""
    ms = ZERO + int(second * 1000)
    return post(1, created_at_ms=ms, arrived_at_ms=ms - int(ahead_s * 1000), namespace=namespace)


def test_each_batch_says_how_far_it_got() -> None:
    line = Timeline()
    assert line.read(at(5), at(3)) == [5]
    assert line.read(at(9)) == [9]


def test_a_fast_clock_says_no_more_than_the_arrival_of_its_post() -> None:
    line = Timeline()
    assert line.read(at(290, ahead_s=280), at(8)) == [10]
    assert line.read(at(12)) == [12]


def test_a_small_move_waits_until_it_is_written() -> None:
    line = Timeline()
    assert line.read(at(5)) == [5]
    assert line.read(at(5.4)) == []
    assert line.due() == []  # nothing is written yet
    line.written()
    assert [m.newest_ms - ZERO for m in line.marks.due()] == [5400]
    assert line.due() == []


def test_a_late_post_never_takes_the_marker_back() -> None:
    line = Timeline()
    line.read(at(50))
    line.written()
    assert line.read(at(10)) == []
    assert line.due() == []
    assert line.read(at(52)) == [52]


def test_a_batch_submitted_again_says_the_same_and_no_more() -> None:
    line = Timeline()
    first = line.batch(at(5))
    second = line.batch(at(9))
    assert seconds(line.marks.read([(first[0], at(5))])) == [5]
    assert seconds(line.marks.read([(second[0], at(9))])) == [9]
    assert seconds(line.marks.read([(first[0], at(5))])) == [5]  # not 9: that is not written yet
    line.written()
    assert line.due() == []


def test_namespaces_and_partitions_are_apart() -> None:
    line = Timeline(partitions=(0, 1))
    assert line.read(at(5), at(7, "replay")) == [5, 7]
    assert line.read(at(1), partition=1) == [1]


def test_the_end_is_said_at_once_and_the_namespace_forgotten() -> None:
    line = Timeline(live=None)
    values = [at(5, "replay"), End("replay")]
    records = line.batch(*values)
    (marker,) = line.marks.read(list(zip(records, values, strict=True)))
    assert (marker.ended, marker.newest_ms - ZERO) == (True, 5000)
    line.written()
    line.wait(100)
    assert line.due() == []


def test_a_deletion_moves_no_event_time() -> None:
    assert Timeline().read(Deletion("x:1", "live", ZERO + 99_000)) == []


def test_a_silent_live_partition_is_idle_and_wakes_with_a_post() -> None:
    line = Timeline()
    line.read(at(5))
    line.written()
    line.wait(29)
    assert line.marks.due() == []
    line.wait(1)
    (idle,) = line.marks.due()
    assert (idle.idle, idle.newest_ms - ZERO) == (True, 5000)
    assert line.marks.due() == []
    line.wait(30)
    assert [m.idle for m in line.marks.due()] == [True]  # said again for who came later
    records = line.batch(at(5.1))
    (awake,) = line.marks.read([(records[0], at(5.1))])
    assert not awake.idle


def test_a_slow_clock_neither_holds_nor_wakes_a_partition() -> None:
    """Posts of long ago, every ten seconds: nobody's panes wait for what they say."""
    line = Timeline()
    line.read(at(5))
    said = []
    for _ in range(9):
        line.wait(10)
        said += line.read(at(-90_000))
        line.written()
        said += [m.idle for m in line.marks.due()]
    assert said == [True, True, True]


def test_a_partition_that_never_had_a_post_is_idle_too() -> None:
    line = Timeline()
    line.wait(30)
    assert line.marks.due() == [Watermark("live", 0, 2, 0, idle=True)]


def test_what_is_in_flight_is_not_idle() -> None:
    line = Timeline()
    line.read(at(5))
    line.wait(60)
    assert line.marks.due() == []


def test_live_posts_may_wait_behind_a_replay_so_the_partition_is_not_idle() -> None:
    line = Timeline()
    for _ in range(4):
        line.read(at(1, "replay"), age_s=600)  # ten minutes behind: a backlog
        line.written()
        line.wait(10)
        assert [m for m in line.marks.due() if m.idle] == []
    line.read(at(1, "replay"), age_s=1)  # the backlog is read: nothing live was in it
    line.written()
    assert [m.namespace for m in line.marks.due() if m.idle] == ["live"]


def test_nothing_is_said_of_a_partition_that_went_to_another_worker() -> None:
    line = Timeline()
    line.read(at(5))
    line.marks.revoked([0])
    line.written()
    line.wait(60)
    assert line.marks.due() == []
