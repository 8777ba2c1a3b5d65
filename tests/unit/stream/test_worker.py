"""The loop on memory streams with a clock of the test's own, and faults where they hurt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.errors import Rewound, Unavailable
from services.stream import dead_letters
from services.stream.attempts import Backoff
from services.stream.breaker import Breaker, TooManyBad
from services.stream.flight import WINDOW
from services.stream.memory import MemoryConsumer, MemoryStreams
from services.stream.port import Output, Record, Result
from services.stream.worker import Limits, Worker
from tests.unit.stream.stages import FakeStage, SlowStage, echo


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Rig:
    """A worker over `in`, writing to `out`, on a clock that stands until told."""

    def __init__(
        self,
        stage: FakeStage,
        partitions: int = 1,
        limits: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.streams = MemoryStreams(partitions, tail=10_000)
        self.stage = stage
        merged = {"batch_size": 4, "commit_interval_s": 0.0} | (limits or {})
        self.worker = Worker(
            stage,
            self.streams,
            group="g",
            dead_letters="dead",
            limits=Limits(**merged),
            backoff=Backoff(first_s=1.0, cap_s=8.0, jitter=0.0),
            clock=self.clock,
            sleep=self.clock.sleep,
            **options,
        )
        self.worker.step()

    def put(self, *values: str, partition: int = 0) -> None:
        producer = self.streams.producer()
        for value in values:
            producer.send(Output("in", None, value.encode(), partition))

    def texts(self, stream: str = "out") -> list[str]:
        found = []
        for partition, end in self.streams.ends(stream).items():
            for record in self.streams.read(stream, partition, 0, end):
                found.append((record.value or b"").decode())
        return found

    def committed(self) -> Mapping[int, int]:
        return self.streams.committed("in", "g")


def test_what_comes_in_is_written_flushed_and_committed() -> None:
    rig = Rig(FakeStage())
    rig.put("a", "b", "c")
    assert rig.worker.step()
    assert rig.texts() == ["a", "b", "c"]
    assert rig.stage.calls[-2:] == [("submit", [(0, 0), (0, 1), (0, 2)]), ("flush", {0: 3})]
    assert rig.committed() == {0: 3}
    assert not rig.worker.step()
    assert not rig.worker.busy


def test_results_are_written_in_poll_order() -> None:
    stage = SlowStage(in_flight=3)
    rig = Rig(stage, limits={"batch_size": 1})
    rig.put("a", "b", "c")
    for _ in range(4):
        rig.worker.step()
    stage.finish(2)
    stage.finish(1)
    rig.worker.step()
    assert rig.texts() == []
    assert rig.committed() == {}
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["a", "b", "c"]
    assert rig.committed() == {0: 3}


def test_commits_cover_only_what_is_done() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, limits={"batch_size": 2})
    rig.put("a", "b", "c", "d")
    rig.worker.step()
    rig.worker.step()
    stage.finish(0)
    rig.worker.step()
    assert rig.committed() == {0: 2}


def test_a_full_stage_takes_no_more() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, limits={"batch_size": 1})
    rig.put(*"abcdef")
    for _ in range(10):
        rig.clock.now += 0.2
        rig.worker.step()
    assert len(stage.open) == 2


def test_what_waits_behind_a_slow_batch_keeps_no_place() -> None:
    """The stage has work while the oldest batch is not done; but only so much is kept waiting."""
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, limits={"batch_size": 1})
    letters = "abcdefghijkl"
    rig.put(*letters)
    for _ in letters:
        rig.worker.step()
        rig.worker.step()
        if len(stage.open) > 1:
            stage.finish(-1)  # never the oldest
    assert len(stage.of("submit")) == WINDOW * 2
    assert rig.texts() == []
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == list(letters[: WINDOW * 2])
    assert rig.committed() == {0: WINDOW * 2}


def test_no_room_downstream_no_polling() -> None:
    room = [0]
    rig = Rig(FakeStage(), room=lambda: room[0])
    rig.put("a")
    assert not rig.worker.step()
    room[0] = 1
    rig.worker.step()
    assert rig.texts() == ["a"]


def test_a_bad_record_is_dead_lettered_with_its_bytes_and_the_loop_goes_on() -> None:
    rig = Rig(FakeStage())
    producer = rig.streams.producer()
    producer.send(Output("in", b"k", b"bad \xff", 0, (("h", b"1"),)))
    rig.put("good")
    rig.worker.step()
    assert rig.texts() == ["good"]
    (letter,) = rig.streams.read("dead", 0, 0, 9)
    assert (letter.key, letter.value, letter.headers[0]) == (b"k", b"bad \xff", ("h", b"1"))
    read = dead_letters.decode(letter)
    assert (read.reason, read.message) == ("bad", "it says so")
    assert (read.record.stream, read.record.partition, read.record.offset) == ("in", 0, 0)
    assert "BadRecord" in read.traceback
    assert rig.committed() == {0: 2}


def test_mostly_bad_records_stop_the_worker_before_they_are_committed() -> None:
    rig = Rig(FakeStage(), breaker=Breaker(window=8))
    rig.put("good", "good", "good", "good", *["bad"] * 12)
    with pytest.raises(TooManyBad, match="dead-letters list"):
        rig.worker.run_dry()
    assert rig.committed() == {0: 8}
    assert len(rig.texts("dead")) == 4


def test_unavailable_stage_is_asked_again_with_growing_waits() -> None:
    refusals = [Unavailable("Triton", "away")] * 3

    def work(records: Sequence[Record]) -> Result:
        if refusals:
            raise refusals.pop()
        return echo(records)

    rig = Rig(FakeStage(work))
    rig.put("a")
    waits, before = [], rig.clock.now
    while not rig.texts():
        rig.worker.step(100.0)
        if rig.clock.now > before:
            waits.append(rig.clock.now - before)
            before = rig.clock.now
            assert not rig.worker.health()["healthy"]
            assert "Triton: away" in rig.worker.health()["reason"]
    assert waits == [1.0, 2.0, 4.0]
    assert rig.worker.health()["healthy"]
    assert rig.committed() == {0: 1}


def test_a_failed_batch_holds_back_those_behind_it() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, limits={"batch_size": 1})
    rig.put("a", "b")
    rig.worker.step()
    rig.worker.step()
    stage.finish(1)
    stage.fail(Unavailable("Triton", "away"))
    rig.worker.step()
    rig.clock.now += 2
    rig.worker.step()
    assert rig.texts() == []
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["a", "b"]


def test_a_worker_that_waits_for_a_neighbour_keeps_polling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(records: Sequence[Record]) -> Result:
        raise Unavailable("Triton", "away")

    rig = Rig(FakeStage(work))
    rig.put("a")
    rig.worker.step()
    polls = []
    inner = MemoryConsumer.poll

    def poll(self: MemoryConsumer, max_records: int, timeout_s: float) -> Sequence[Record]:
        polls.append(rig.clock.now)
        return inner(self, max_records, 0.0)

    monkeypatch.setattr(MemoryConsumer, "poll", poll)
    for _ in range(20):
        rig.worker.step(0.05)
    assert len(polls) >= 20


def test_a_bug_in_the_stage_ends_the_worker_before_the_commit() -> None:
    def work(records: Sequence[Record]) -> Result:
        raise ZeroDivisionError

    rig = Rig(FakeStage(work))
    rig.put("a")
    with pytest.raises(ZeroDivisionError):
        rig.worker.step()
    assert rig.committed() == {}


def test_the_store_says_where_to_start() -> None:
    streams = MemoryStreams(2, tail=100)
    for text in ("a", "b", "c"):
        streams.producer().send(Output("in", None, text.encode(), 0))
    stage = FakeStage()
    stage.starts = {0: 2}
    worker = Worker(stage, streams, group="g", dead_letters="dead")
    worker.run_dry()
    assert stage.of("submit") == [[(0, 2)]]
    assert stage.of("assigned") == [[0, 1]]


def test_a_store_that_is_away_holds_up_new_partitions() -> None:
    stage = FakeStage()
    rig = Rig(stage)
    refusals = [Unavailable("Redis", "away")]
    inner = stage.assigned

    def assigned(partitions: Sequence[int]) -> Mapping[int, int]:
        if refusals:
            raise refusals.pop()
        return inner(partitions)

    stage.assigned = assigned  # type: ignore[method-assign]
    second = FakeStage()
    other = Worker(
        second,
        rig.streams,
        group="g2",
        dead_letters="dead",
        backoff=Backoff(1.0, 1.0, 0.0),
        clock=rig.clock,
        sleep=rig.clock.sleep,
    )
    second.assigned = assigned  # type: ignore[method-assign]
    rig.put("a", "b")
    other.step()
    assert second.of("submit") == []
    rig.clock.now += 2
    other.step()
    assert second.of("submit") == [[(0, 0), (0, 1)]]


def test_rewound_reads_again_from_the_stores_position() -> None:
    stage = FakeStage()
    rig = Rig(stage)
    rig.put("a", "b", "c")
    rig.worker.step()
    stage.starts = {0: 1}
    answers = [Rewound("restored")]

    def work(records: Sequence[Record]) -> Result:
        if answers:
            raise answers.pop()
        return echo(records)

    stage.work = work
    rig.put("d")
    rig.worker.step()
    rig.worker.run_dry()
    assert stage.of("submit")[-2:] == [[(0, 3)], [(0, 1), (0, 2), (0, 3)]]
    assert rig.committed() == {0: 4}


def test_rewound_without_a_position_reads_again_what_is_uncommitted() -> None:
    stage = FakeStage()
    rig = Rig(stage, limits={"batch_size": 1, "commit_interval_s": 1000.0})
    rig.put("a", "b", "c")
    for _ in range(2):
        rig.worker.step()
    answers = [Rewound("lost")]

    def flush(positions: Mapping[int, int]) -> None:
        if answers:
            raise answers.pop()

    stage.flush = flush  # type: ignore[method-assign]
    rig.worker.run_dry()
    assert stage.of("submit") == [[(0, n)] for n in (0, 1, 2, 0, 1, 2)]
    assert rig.committed() == {0: 3}


def test_a_revoked_partition_is_neither_written_nor_committed() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, partitions=2, limits={"batch_size": 1})
    rig.put("zero", partition=0)
    rig.put("one", partition=1)
    rig.worker.step()
    rig.worker.step()
    other = rig.streams.consumer("in", "g")  # takes partition 1
    rig.clock.now += 1
    rig.worker.step()
    assert stage.of("revoked") == [[1]]
    stage.finish(1)
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["zero"]
    assert rig.committed() == {0: 1}
    assert [r.value for r in other.poll(10, 0.0)] == [b"one"]


def test_a_batch_that_holds_a_lost_partition_is_read_again_without_it() -> None:
    # in flight: [1/0] [0/0 1/1]; partition 1 is lost. The first batch is dropped, so nothing
    # that stands behind it on partition 1 may be written.
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, partitions=2, limits={"batch_size": 2})
    rig.put("one", partition=1)
    rig.worker.step()
    rig.put("zero", partition=0)
    rig.put("one more", partition=1)
    rig.worker.step()
    other = rig.streams.consumer("in", "g")  # takes partition 1
    rig.clock.now += 1
    rig.worker.step()
    assert stage.of("revoked") == [[1]]
    stage.finish(0)
    stage.finish(0)
    for _ in range(3):
        rig.worker.step()
    assert rig.texts() == []
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["zero"]
    assert rig.committed() == {0: 1}
    assert [r.value for r in other.poll(10, 0.0)] == [b"one", b"one more"]


def test_a_partition_that_comes_back_is_a_new_tenure() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, partitions=2, limits={"batch_size": 2})
    rig.put("one", partition=1)
    rig.worker.step()
    other = rig.streams.consumer("in", "g")
    rig.clock.now += 1
    rig.worker.step()
    other.close()
    rig.clock.now += 1
    rig.worker.step()
    assert stage.of("assigned") == [[0, 1], [1]]
    rig.worker.step()
    stage.finish(0)  # of the tenure that ended
    rig.worker.step()
    assert rig.texts() == []
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["one"]


def test_what_a_poll_brings_while_full_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = SlowStage(in_flight=1)
    rig = Rig(stage, partitions=1, limits={"batch_size": 2})
    rig.put("a")
    rig.worker.step()
    monkeypatch.setattr(MemoryConsumer, "pause", lambda self, partitions: None)
    rig.put("b", "c", "d")
    for _ in range(3):
        rig.clock.now += 1
        rig.worker.step()  # polls for the group's sake, and this brings records
    for _ in range(3):
        stage.finish()
        rig.worker.step()
        rig.worker.step()
        if not stage.open:
            break
    assert rig.texts() == ["a", "b", "c", "d"]


def test_ticks_are_written_even_without_records() -> None:
    stage = FakeStage()
    stage.ticks = [[Output("out", None, b"tick")]]
    rig = Rig(stage)
    rig.clock.now += 1
    assert rig.worker.step()
    assert rig.texts() == ["tick"]


def test_commits_wait_for_their_interval() -> None:
    rig = Rig(FakeStage(), limits={"commit_interval_s": 5.0})
    rig.put("a")
    rig.worker.step()
    assert rig.committed() == {}
    rig.clock.now += 5
    rig.worker.step()
    assert rig.committed() == {0: 1}


def test_close_drains_commits_and_leaves() -> None:
    stage = FakeStage()
    rig = Rig(stage, limits={"commit_interval_s": 1000.0})
    rig.put("a")
    rig.worker.step()
    rig.worker.close()
    assert rig.committed() == {0: 1}
    assert stage.closed
    other = rig.streams.consumer("in", "g")
    other.poll(1, 0.0)
    assert list(other.assignment()) == [0]


def test_a_failed_flush_is_made_again_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.stream.memory import MemoryProducer

    refusals = [Unavailable("Kafka", "away")]

    def flush(self: MemoryProducer, timeout_s: float) -> None:
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(MemoryProducer, "flush", flush)
    rig = Rig(FakeStage())
    rig.put("a", "b")
    rig.worker.step()
    assert rig.committed() == {}
    rig.clock.now += 2
    rig.worker.run_dry()
    assert rig.texts() == ["a", "b"]
    assert rig.committed() == {0: 2}
