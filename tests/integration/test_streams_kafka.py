"""The worker in a group on a real broker: rebalances, slow stages, members that leave."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.conftest import ROOT
from tests.integration.kafka_workers import (
    Running,
    copying,
    eventually,
    fill,
    fresh,
    numbers,
    quick,
)
from tests.servers.kafka import KafkaServer
from tests.unit.stream.stages import PoolStage

pytestmark = pytest.mark.integration


def test_two_workers_share_and_hand_over_without_loss(kafka: KafkaServer) -> None:
    streams = quick(kafka)
    prefix = fresh(streams)
    fill(streams, prefix + "in", 0, 400)

    def worker() -> Running:
        return Running(quick(kafka), PoolStage(copying(prefix, 0.05), 3), prefix)

    first, second = worker(), worker()
    eventually(lambda: len(first.partitions) == 2 == len(second.partitions))
    fill(streams, prefix + "in", 400, 800)
    time.sleep(0.5)
    second.stop()
    eventually(lambda: len(first.partitions) == 4)
    fill(streams, prefix + "in", 800, 1000)
    eventually(lambda: sum(streams.lag(prefix + "in", prefix + "g").values()) == 0)
    first.stop()
    assert set(numbers(streams, prefix + "out")) == set(range(1000))
    streams.close()


@pytest.mark.slow
def test_a_slow_stage_costs_no_membership(kafka: KafkaServer) -> None:
    """10 s a batch, where a silent member is thrown out after 3 and a slow one after 6."""
    streams = quick(kafka)
    prefix = fresh(streams, 2)
    fill(streams, prefix + "in", 0, 40)
    stages = [PoolStage(copying(prefix, 10.0), 1) for _ in range(2)]
    first = Running(quick(kafka), stages[0], prefix)
    eventually(lambda: bool(stages[0].of("submit")))
    second = Running(quick(kafka), stages[1], prefix)  # a rebalance while the batch is in flight
    eventually(lambda: len(first.partitions) == 1 == len(second.partitions), 9.0)
    shares = first.partitions, second.partitions
    eventually(lambda: sum(streams.lag(prefix + "in", prefix + "g").values()) == 0, 80.0)
    assert (first.partitions, second.partitions) == shares
    assert len(stages[0].of("revoked")) == 1
    assert stages[1].of("revoked") == []
    first.stop()
    second.stop()
    assert set(numbers(streams, prefix + "out")) == set(range(40))
    streams.close()


def test_a_commit_in_a_rebalance_is_put_off(kafka: KafkaServer) -> None:
    streams = quick(kafka)
    prefix = fresh(streams, 2)
    fill(streams, prefix + "in", 0, 10)
    first = streams.consumer(prefix + "in", "g")
    while not first.assignment():
        first.poll(100, 0.1)
    second = streams.consumer(prefix + "in", "g")
    refused = 0
    deadline = time.monotonic() + 20
    while not second.assignment() and time.monotonic() < deadline:
        second.poll(1, 0.05)
        first.poll(1, 0.05)
        offsets = dict.fromkeys(first.assignment(), 1)
        started = time.monotonic()
        refused += not first.commit(offsets)
        assert time.monotonic() - started < 3
    assert second.assignment()
    assert refused
    assert first.commit(dict.fromkeys(first.assignment(), 1))
    first.close()
    second.close()
    streams.close()


def test_polls_of_any_length_get_partitions_soon(kafka: KafkaServer) -> None:
    """kafka-python 3.0.12 forgets joins that end, or become needless, between two polls."""
    streams = quick(kafka)
    for number in range(15):
        prefix = fresh(streams, 2)
        consumer = streams.consumer(prefix + "in", "g")
        deadline = time.monotonic() + 10
        while len(consumer.assignment()) < 2:
            consumer.poll(1, 0.01 * (number % 4))
            time.sleep(0.01)  # in which a join may end
            assert time.monotonic() < deadline, f"no partitions in round {number}"
        consumer.close()
    streams.close()


@pytest.mark.slow
def test_a_member_that_was_thrown_out_discards_what_it_held(kafka: KafkaServer) -> None:
    streams = quick(kafka, max_poll_interval_s=3.0)
    prefix = fresh(streams, 1)
    fill(streams, prefix + "in", 0, 10)
    consumer = streams.consumer(prefix + "in", "g")
    while not consumer.assignment():
        consumer.poll(1, 0.1)
    tenure = consumer.assignment()[0]
    time.sleep(5)  # no polls: the member leaves on its own
    assert not consumer.commit({0: 1})
    deadline = time.monotonic() + 20
    while consumer.assignment().get(0, tenure) == tenure and time.monotonic() < deadline:
        consumer.poll(1, 0.1)
    assert consumer.assignment()[0] > tenure
    consumer.close()
    streams.close()


SCRIPT = """
import os, signal, sys, threading
from services.stream.driver import open_streams
from services.stream.worker import Limits, Worker
from tests.conftest import ROOT
from tests.integration.kafka_workers import copying
from tests.unit.stream.stages import PoolStage
url, prefix, delay = sys.argv[1:]
copy = copying(prefix, float(delay))
stage = PoolStage(lambda records: (print("at work", flush=True), copy(records))[1], 2)
stage.stream = prefix + "in"
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
worker = Worker(stage, open_streams(url), group=prefix + "g", dead_letters=prefix + "dead",
                limits=Limits(batch_size=10))
worker.run(stop)
os._exit(0)  # not waiting for the threads of a stage that sleeps for a minute
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.5, 60.0], ids=["drained", "abandoned"])
def test_sigterm_ends_within_10_s_and_leaves_the_group(kafka: KafkaServer, delay_s: float) -> None:
    streams = quick(kafka)
    prefix = fresh(streams)
    fill(streams, prefix + "in", 0, 200)
    command = [sys.executable, "-c", SCRIPT, kafka.url, prefix, str(delay_s)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"at work\n"
            if delay_s < 10:
                eventually(lambda: bool(streams.committed(prefix + "in", prefix + "g")))
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
    done = numbers(streams, prefix + "out")
    assert max(Counter(done).values(), default=1) == 1  # what is written is committed
    committed = streams.committed(prefix + "in", prefix + "g")
    assert sum(committed.values()) == len(done)
    assert bool(done) == (delay_s < 10)
    successor = streams.consumer(prefix + "in", prefix + "g")
    taken = time.monotonic()
    while len(successor.assignment()) < 4:
        successor.poll(1, 0.1)
    assert time.monotonic() - taken < 10  # it left: nobody waits for its session of 15 s to end
    successor.close()
    streams.close()
