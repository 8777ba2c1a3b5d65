"""Brokers that die, freeze, are not there, lack a stream, or refuse a password."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from pydantic import SecretStr

from services.errors import Unavailable, UsageError
from services.stream import kafka_consumer
from services.stream.driver import open_streams
from services.stream.kafka import KafkaStreams
from services.stream.port import Output
from services.stream.security import Security
from services.stream.worker import Worker
from tests.conftest import started
from tests.integration.kafka_workers import (
    Running,
    copying,
    eventually,
    fill,
    fresh,
    numbers,
    quick,
    running,
)
from tests.servers.kafka import PASSWORD, USER, KafkaServer
from tests.servers.local import free_port
from tests.unit.stream.stages import FakeStage, PoolStage

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def mortal() -> Iterator[KafkaServer]:
    """A broker of this module's own, to be killed."""
    with started(KafkaServer, "Kafka") as server:
        yield server


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
        eventually(partial(streams.partitions, stream))  # the reader too finds the broker again
        assert numbers(streams, stream) == list(range(300))
    streams.close()


@pytest.mark.slow
def test_what_was_fetched_when_the_broker_died_is_handed_out_once_it_is_back(
    mortal: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll that finds the broker gone must not swallow what it had in its buffer."""
    monkeypatch.setattr(kafka_consumer, "LOOK_EVERY_S", 0.05)  # while there is something in it
    streams = quick(mortal)
    prefix = fresh(streams, 1)
    fill(streams, prefix + "in", 0, 1_000)
    consumer = streams.consumer(prefix + "in", "g")
    read: list[int] = []

    def poll(most: int) -> int:
        read.extend(int(record.value or b"-1") for record in consumer.poll(most, 0.1))
        return len(read)

    def poll_on() -> None:
        while poll(1) < 1_000:
            time.sleep(0.005)

    eventually(lambda: poll(1) > 2)
    mortal.kill()
    with pytest.raises(Unavailable):
        poll_on()
    mortal.start()
    eventually(lambda: poll(1_000) >= 1_000)
    assert read == list(range(1_000))
    consumer.close()
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
