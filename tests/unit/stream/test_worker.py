"""The loop on memory streams with a clock of the test's own, and faults where they hurt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from services.errors import Rewound, Unavailable
from services.stream import dead_letters
from services.stream.attempts import Backoff
from services.stream.breaker import Breaker, TooManyBad
from services.stream.memory import MemoryConsumer, MemoryStreams
from services.stream.port import Output, Record, Result
from services.stream.worker import Worker
from tests.unit.stream.rig import Rig
from tests.unit.stream.stages import FakeStage, echo


def test_what_comes_in_is_written_flushed_and_committed() -> None:
    rig = Rig(FakeStage())
    rig.put("a", "b", "c")
    assert rig.worker.step()
    assert rig.texts() == ["a", "b", "c"]
    assert rig.stage.calls[-2:] == [("submit", [(0, 0), (0, 1), (0, 2)]), ("flush", {0: 3})]
    assert rig.committed() == {0: 3}
    assert not rig.worker.step()
    assert not rig.worker.busy


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


@pytest.mark.parametrize(("size", "took_s"), [(2, 0.1), (9, 0.3)])
def test_a_batch_is_bounded_by_size_and_by_wait(
    size: int, took_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes first; the wait counts from the batch's first record."""
    rig = Rig(FakeStage(), limits={"batch_size": size, "batch_wait_s": 0.3})
    start = rig.clock.now
    coming = [(start, "a"), (start + 0.1, "b"), (start + 0.5, "c")]
    inner = MemoryConsumer.poll

    def poll(self: MemoryConsumer, max_records: int, timeout_s: float) -> Sequence[Record]:
        until = rig.clock.now + timeout_s
        if coming[0][0] <= until:
            rig.clock.now, text = coming.pop(0)
            rig.put(text)
        else:
            rig.clock.now = until
        return inner(self, max_records, 0.0)

    monkeypatch.setattr(MemoryConsumer, "poll", poll)
    rig.worker.step(1.0)
    assert rig.texts() == ["a", "b"]
    assert rig.clock.now - start == pytest.approx(took_s)
