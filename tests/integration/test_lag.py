"""Lag on Kafka, as /metrics shows it: of the partitions that a consumer holds, and no others."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest

from services import metrics
from services.stream.kafka import KafkaStreams
from services.stream.port import Output
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.integration


def shown(group: str) -> dict[str, float]:
    """Per partition."""
    (metric,) = metrics.LAG.collect()
    return {
        sample.labels["partition"]: sample.value
        for sample in metric.samples
        if sample.labels["group"] == group
    }


def test_what_is_left_is_shown_and_taken_back(kafka: KafkaServer) -> None:
    stream, group = f"lag-{uuid4().hex}", f"group-{uuid4().hex}"
    streams = KafkaStreams([kafka.address])
    streams.create_streams({stream: 2})
    producer = streams.producer()
    for number in range(40):
        producer.send(Output(stream, None, b"x", partition=number % 2))
    producer.flush(10.0)
    consumer = streams.consumer(stream, group)
    read = 0
    while read < 10:
        read += len(consumer.poll(5, 0.1))
    consumer.pause([0, 1])  # polls go on, for the group's sake, and look at the ends
    deadline = time.monotonic() + 20
    while sum(shown(group).values()) != 40 - read:
        assert time.monotonic() < deadline, (read, shown(group))
        consumer.poll(1, 0.1)
    assert set(shown(group)) == {"0", "1"}
    consumer.close()
    assert shown(group) == {}
    producer.close()
    streams.close()
