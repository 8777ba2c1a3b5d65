"""Several batches in flight: done in any order, written in poll order, each once."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from services.errors import Unavailable
from services.stream.flight import WINDOW
from services.stream.memory import MemoryConsumer, MemoryStreams
from services.stream.port import Output, Record, Result
from services.stream.worker import Limits, Worker
from tests.unit.stream.rig import Rig
from tests.unit.stream.stages import FakeStage, SlowStage, echo

AWAY = Unavailable("Triton", "away")


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


def test_a_result_is_told_when_it_is_written() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, limits={"batch_size": 1})
    rig.put("a", "b")
    rig.worker.step()
    rig.worker.step()
    told: list[str] = []
    stage.open[1][1].set_result(Result(written=lambda: told.append("b")))
    rig.worker.step()
    assert told == []
    stage.open[0][1].set_result(Result(written=lambda: told.append("a")))
    rig.worker.step()
    assert told == ["a", "b"]


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


def test_a_stage_of_one_batch_at_a_time_gets_the_next_when_the_last_is_written() -> None:
    """What it does to the store is done in poll order, though it fails meanwhile."""
    refusals = [AWAY] * 3

    def work(records: Sequence[Record]) -> Result:
        if refusals and records[0].partition == 0:
            raise refusals.pop()
        return echo(records)

    stage = FakeStage(work)
    rig = Rig(stage, partitions=2)
    other = rig.streams.consumer("in", "g")
    rig.clock.now += 1
    rig.worker.step()  # lets go of partition 1
    other.poll(1, 0.0)
    rig.put("zero", partition=0)
    rig.put("one", partition=1)
    rig.worker.step()
    other.close()
    for _ in range(9):  # the first poll brings records of partition 1, while the batch waits
        rig.clock.now += 9
        rig.worker.step()
    assert stage.of("submit") == [[(0, 0)]] * 4 + [[(1, 0)]]
    assert rig.committed() == {0: 1, 1: 1}


def test_only_what_failed_is_submitted_again() -> None:
    stage = SlowStage(in_flight=3)
    rig = Rig(stage, limits={"batch_size": 1})
    rig.put("a", "b", "c")
    for _ in range(3):
        rig.worker.step()
    stage.fail(AWAY, 1)
    stage.finish(1)
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["a"]
    rig.worker.step()
    rig.clock.now += 2
    rig.worker.step()
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["a", "b", "c"]
    assert stage.of("submit") == [[(0, 0)], [(0, 1)], [(0, 2)], [(0, 1)]]
    assert rig.committed() == {0: 3}


def test_what_failed_keeps_its_place_and_is_submitted_again_together() -> None:
    """While the networks are away no more is asked of them than at any other time; when they are
    back, one wait is enough."""
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, limits={"batch_size": 1})
    rig.put(*"abcdef")
    for _ in range(20):
        rig.clock.now += 10
        rig.worker.step()
        while stage.open:
            assert len(stage.open) <= 2
            stage.fail(AWAY)
    assert {str(batch) for batch in stage.of("submit")} == {"[(0, 0)]", "[(0, 1)]"}
    rig.clock.now += 10
    rig.worker.step()
    assert len(stage.open) == 2
    for _ in range(6):
        while stage.open:
            stage.finish()
        rig.worker.step()  # on a clock that stands: nothing waits for a second attempt
    assert rig.texts() == list("abcdef")
    assert rig.worker.health()["healthy"]


def test_without_room_nothing_joins_what_is_in_flight() -> None:
    """Bounded streams take at most the window more than they have room for."""
    stage = SlowStage(in_flight=2)
    streams = MemoryStreams(capacity=3, tail=0)
    reader = streams.consumer("out", "reader")
    reader.poll(1, 0.0)
    worker = Worker(
        stage,
        streams,
        group="g",
        dead_letters="dead",
        limits=Limits(batch_size=1, commit_interval_s=0.0),
        room=lambda: streams.room("out"),
    )
    worker.step()
    for _ in range(40):
        streams.producer().send(Output("in", None, b"x"))
    for _ in range(40):
        worker.step()
        if len(stage.open) > 1:
            stage.finish(1)
    for _ in range(40):
        worker.step()
        if stage.open:
            stage.finish()
    assert streams.room("out") == 0
    assert streams.ends("out")[0] <= 3 + WINDOW * 2
    reader.commit(streams.ends("out"))
    worker.step()
    assert stage.open


def test_a_worker_that_stops_leaves_what_is_not_done_in_time_to_the_next() -> None:
    stage = SlowStage(in_flight=2)
    streams = MemoryStreams(tail=10)
    limits = Limits(batch_size=1, drain_s=0.3)
    worker = Worker(stage, streams, group="g", dead_letters="dead", limits=limits)
    for _ in range(5):
        streams.producer().send(Output("in", None, b"x"))
    for _ in range(9):
        worker.step()
        if len(stage.open) > 1:
            stage.finish(1)
    start = time.monotonic()
    worker.close()
    assert 0.3 <= time.monotonic() - start < 3
    assert streams.committed("in", "g") == {}
    assert streams.ends("out") == {0: 0}


def test_a_worker_that_stops_commits_what_is_done_before_what_fails() -> None:
    stage = SlowStage(in_flight=3)
    rig = Rig(stage, limits={"batch_size": 1, "commit_interval_s": 1000.0})
    rig.put("a", "b", "c")
    for _ in range(3):
        rig.worker.step()
    stage.finish(0)
    stage.fail(AWAY)
    stage.finish(0)
    rig.worker.close()
    assert rig.texts() == ["a"]
    assert rig.committed() == {0: 1}
