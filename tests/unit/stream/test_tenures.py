"""Partitions that are lost and come back while batches are in flight: written once, in order."""

from __future__ import annotations

import random

import pytest

from services.errors import Rewound, Unavailable
from services.stream.memory import MemoryConsumer
from tests.unit.stream.rig import Rig
from tests.unit.stream.stages import SlowStage

AWAY = Unavailable("Triton", "away")


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


def test_done_batches_of_a_lost_partition_are_dropped() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, partitions=2, limits={"batch_size": 1})
    rig.put("zero", partition=0)
    rig.put("one", "two", partition=1)
    for _ in range(4):
        rig.worker.step()
        if len(stage.open) > 1:
            stage.finish(1)
    assert (len(stage.of("submit")), rig.worker.health()["in_flight"]) == (3, 3)
    other = rig.streams.consumer("in", "g")  # takes partition 1
    rig.clock.now += 1
    rig.worker.step()
    stage.finish(0)
    rig.worker.step()
    assert rig.texts() == ["zero"]
    assert rig.committed() == {0: 1}
    assert [r.value for r in other.poll(10, 0.0)] == [b"one", b"two"]


def test_done_batches_are_made_again_when_the_store_reads_anew() -> None:
    stage = SlowStage(in_flight=2)
    rig = Rig(stage, limits={"batch_size": 1})
    rig.put("a", "b", "c")
    for _ in range(4):
        rig.worker.step()
        if len(stage.open) > 1:
            stage.finish(1)
    stage.fail(Rewound("restored"))
    rig.worker.step()
    assert (rig.texts(), rig.worker.health()["in_flight"]) == ([], 0)
    for _ in range(9):
        rig.worker.step()
        while stage.open:
            stage.finish()
    assert rig.texts() == ["a", "b", "c"]
    assert rig.committed() == {0: 3}


class Erratic(SlowStage):
    """Ends its batches at random: done, or away."""

    def end_some(self, dice: random.Random, share: float) -> None:
        for index in reversed(range(len(self.open))):
            if dice.random() < share:
                self.finish(index)
            elif dice.random() < share / 2:
                self.fail(AWAY, index)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_each_record_is_written_once_and_in_order(seed: int) -> None:
    """Batches done and failed in any order, while partitions come and go."""
    dice = random.Random(seed)
    stage = Erratic(in_flight=dice.randint(1, 4))
    rig = Rig(stage, partitions=3, limits={"batch_size": dice.randint(1, 4)})
    other: MemoryConsumer | None = None
    sent = [0, 0, 0]
    for _ in range(400):
        partition = dice.randrange(3)
        rig.put(f"{partition}:{sent[partition]}", partition=partition)
        sent[partition] += 1
        if dice.random() < 0.05 and other is None:
            other = rig.streams.consumer("in", "g")
        elif dice.random() < 0.1 and other is not None:
            other.close()
            other = None
        rig.clock.now += dice.random()
        rig.worker.step()
        stage.end_some(dice, 0.3)
        assert sum(not f.cancelled() for _, f in stage.open) <= stage.max_in_flight
    if other is not None:
        other.close()
    while rig.worker.step() or rig.worker.busy:
        rig.clock.now += 10
        stage.end_some(dice, 1.0)
    for partition, count in enumerate(sent):
        written = [text for text in rig.texts() if text.startswith(f"{partition}:")]
        assert written == [f"{partition}:{n}" for n in range(count)]
    assert rig.committed() == dict(enumerate(sent))
