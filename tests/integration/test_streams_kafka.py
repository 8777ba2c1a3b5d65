"""The worker on a real broker: rebalances, slow stages, dying brokers, wrong passwords."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.errors import Unavailable, UsageError
from services.stream.driver import open_streams
from services.stream.kafka import KafkaStreams
from services.stream.port import Output, Record, Result, Streams
from services.stream.security import Security
from services.stream.worker import Limits, Worker
from tests.conftest import missing
from tests.servers.kafka import PASSWORD, USER, KafkaServer, ServerMissing, free_port
from tests.unit.stream.stages import FakeStage, PoolStage

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mortal() -> Iterator[KafkaServer]:
    """A broker of this module's own, to be killed."""
    try:
        server = KafkaServer().start()
    except ServerMissing as error:
        missing(f"no Kafka: {error}")
    yield server
    server.stop()


def quick(server: KafkaServer, **options: float) -> KafkaStreams:
    """Streams that notice within seconds who is gone."""
    defaults = {"session_timeout_s": 3.0, "max_poll_interval_s": 6.0, "metadata_age_s": 1.0}
    return KafkaStreams([server.address], **(defaults | options))  # type: ignore[arg-type]


def fresh(streams: KafkaStreams, partitions: int = 4) -> str:
    """The prefix of four new streams."""
    prefix = f"w{uuid.uuid4().hex[:8]}."
    names = ("in", "out", "scores", "dead")
    streams.create_streams({prefix + name: partitions for name in names})
    return prefix


def fill(streams: Streams, stream: str, start: int, stop: int) -> None:
    producer = streams.producer()
    for number in range(start, stop):
        producer.send(Output(stream, str(number).encode(), str(number).encode()))
    producer.flush(20.0)
    producer.close()


def numbers(streams: Streams, stream: str) -> list[int]:
    return [
        int(record.value or b"-1")
        for partition, end in streams.ends(stream).items()
        for record in streams.read(stream, partition, 0, end)
    ]


def eventually(condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with suppress(Unavailable):
            if condition():
                return
        time.sleep(0.1)
    raise AssertionError("it never came about")


class Running:
    """A worker in a thread, with streams of its own."""

    def __init__(self, streams: KafkaStreams, stage: FakeStage, prefix: str) -> None:
        stage.stream = prefix + "in"
        self.stage, self.error = stage, None
        limits = Limits(batch_size=20, commit_interval_s=0.1)
        self.worker = Worker(
            stage, streams, group=prefix + "g", dead_letters=prefix + "dead", limits=limits
        )
        self._streams = streams
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    error: BaseException | None

    def _run(self) -> None:
        try:
            self.worker.run(self._stop)
        except BaseException as error:
            self.error = error
        self._streams.close()

    @property
    def partitions(self) -> list[int]:
        return list(self.worker.health()["partitions"])

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive()
        assert self.error is None, self.error


def copying(prefix: str, delay_s: float = 0.0) -> Callable[[Sequence[Record]], Result]:
    def work(records: Sequence[Record]) -> Result:
        time.sleep(delay_s)
        return Result([Output(prefix + "out", r.key, r.value) for r in records])

    return work


@contextmanager
def running(*workers: Callable[[], Running]) -> Iterator[list[Running]]:
    started = [worker() for worker in workers]
    try:
        yield started
    finally:
        for one in started:
            one.stop()


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
    """15 s a batch, where a silent member is thrown out after 3 and a slow one after 6."""
    streams = quick(kafka)
    prefix = fresh(streams, 2)
    fill(streams, prefix + "in", 0, 40)
    stages = [PoolStage(copying(prefix, 15.0), 1) for _ in range(2)]
    first = Running(quick(kafka), stages[0], prefix)
    eventually(lambda: bool(stages[0].of("submit")))
    second = Running(quick(kafka), stages[1], prefix)  # a rebalance while the batch is in flight
    eventually(lambda: len(first.partitions) == 1 == len(second.partitions), 12.0)
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


@pytest.mark.slow
def test_a_broker_killed_and_started_again_loses_nothing(mortal: KafkaServer) -> None:
    streams = quick(mortal)
    prefix = fresh(streams)
    fill(streams, prefix + "in", 0, 500)
    with running(lambda: Running(quick(mortal), PoolStage(copying(prefix, 0.1), 2), prefix)) as one:
        eventually(lambda: len(numbers(streams, prefix + "out")) > 50)
        mortal.kill()
        eventually(lambda: not one[0].worker.health()["healthy"], 20.0)
        assert "Kafka" in one[0].worker.health()["reason"]
        mortal.start()
        eventually(lambda: one[0].worker.health()["healthy"], 30.0)
        fill(streams, prefix + "in", 500, 600)
        eventually(lambda: sum(streams.lag(prefix + "in", prefix + "g").values()) == 0, 60.0)
    assert set(numbers(streams, prefix + "out")) == set(range(600))
    streams.close()


@pytest.mark.slow
def test_a_producer_outlives_its_broker_in_order_and_once(mortal: KafkaServer) -> None:
    """Idempotence: what is retried across a kill -9 is there once."""
    streams = quick(mortal)
    prefix = fresh(streams, 1)
    for stream in (prefix + "in", prefix + "scores"):
        producer = streams.producer()
        for number in range(300):
            producer.send(Output(stream, None, str(number).encode(), 0))
            if number == 150:
                mortal.kill()
        with pytest.raises(Unavailable):
            producer.flush(0.5)
        mortal.start()
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            try:
                producer.flush(2.0)
                break
            except Unavailable:
                continue
        producer.close()
        assert numbers(streams, stream) == list(range(300))
    streams.close()


@pytest.mark.slow
def test_a_frozen_broker_is_noticed_and_forgiven(mortal: KafkaServer) -> None:
    streams = quick(mortal)
    prefix = fresh(streams)
    fill(streams, prefix + "in", 0, 50)
    with running(lambda: Running(quick(mortal), FakeStage(copying(prefix)), prefix)) as one:
        eventually(lambda: sum(streams.lag(prefix + "in", prefix + "g").values()) == 0)
        mortal.pause()
        try:
            eventually(lambda: not one[0].worker.health()["healthy"], 20.0)
        finally:
            mortal.unpause()
        eventually(lambda: one[0].worker.health()["healthy"], 60.0)
        fill(streams, prefix + "in", 50, 100)
        eventually(lambda: sum(streams.lag(prefix + "in", prefix + "g").values()) == 0)
    assert Counter(numbers(streams, prefix + "out")).keys() == set(range(100))
    streams.close()


def test_kafka_down_at_start_is_said_and_waited_for() -> None:
    port = free_port()
    streams = open_streams(f"kafka://127.0.0.1:{port}")
    stage = FakeStage()
    worker = Worker(stage, streams, group="g", dead_letters="dead")
    worker.step(0.1)
    health = worker.health()
    assert not health["healthy"]
    assert f"127.0.0.1:{port}" in health["reason"]
    worker.close()
    streams.close()


def test_a_missing_stream_is_said(kafka: KafkaServer) -> None:
    streams = quick(kafka)
    with pytest.raises(Unavailable, match="no stream nowhere yet; `undertone streams create`"):
        streams.consumer("nowhere", "g")
    assert "nowhere" not in streams.streams()
    streams.close()


def test_the_right_password(kafka: KafkaServer) -> None:
    security = Security("SASL_PLAINTEXT", "PLAIN", USER, SecretStr(PASSWORD))
    streams = KafkaStreams([kafka.sasl_url.removeprefix("kafka://")], security)
    assert isinstance(streams.streams(), dict)
    streams.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_fatal_and_never_shown(kafka: KafkaServer, mechanism: str) -> None:
    streams = open_streams(
        kafka.sasl_url,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=mechanism,
        username=USER,
        password=SecretStr("mistyped"),
    )
    worker = Worker(FakeStage(), streams, group="g", dead_letters="dead")
    with pytest.raises(UsageError, match="refuses us") as caught:
        worker.step(0.1)
    assert "mistyped" not in str(caught.value)
    before = threading.active_count()
    for call in (
        lambda: streams.partitions("in"),
        lambda: streams.producer().send(Output("in", b"k", b"v")),
    ):
        with pytest.raises(UsageError):
            call()
    assert threading.active_count() == before  # a client that failed leaves no thread
    worker.close()
    streams.close()


SCRIPT = """
import os, signal, sys, threading
from services.stream.driver import open_streams
from services.stream.worker import Limits, Worker
from tests.integration.test_streams_kafka import copying
from tests.unit.stream.stages import PoolStage
url, prefix, delay = sys.argv[1:]
stage = PoolStage(copying(prefix, float(delay)), 2)
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
    process = subprocess.Popen(command, cwd=ROOT)
    if delay_s < 10:
        eventually(lambda: bool(streams.committed(prefix + "in", prefix + "g")))
    else:
        time.sleep(5)  # by now it sleeps in its stage
    started = time.monotonic()
    process.terminate()
    try:
        assert process.wait(10) == 0
    finally:
        process.kill()
    assert time.monotonic() - started < 10
    done = numbers(streams, prefix + "out")
    assert max(Counter(done).values(), default=1) == 1  # what is written is committed
    committed = streams.committed(prefix + "in", prefix + "g")
    assert sum(committed.values()) == len(done)
    assert bool(done) == (delay_s < 10)
    successor = streams.consumer(prefix + "in", prefix + "g")
    taken = time.monotonic()
    while len(successor.assignment()) < 4:
        successor.poll(1, 0.1)
    assert time.monotonic() - taken < 2.5  # it left: nobody waits for its session to end
    successor.close()
    streams.close()
