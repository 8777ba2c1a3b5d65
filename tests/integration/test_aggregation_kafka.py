"""Aggregators in one group on a real broker and a real Valkey: partitions move, are added,
and a worker is killed, while posts go on coming."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from services.aggregation.audit import Names, audit
from services.records import AnyRecord, Scored, encode, topic_key
from services.store import Reader
from services.stream.driver import open_streams
from services.stream.port import ALL_PARTITIONS, Output, Streams
from tests.scores import mark, scored
from tests.servers.kafka import KafkaServer
from tests.servers.valkey import ValkeyServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]
TOPICS = 12


@pytest.fixture
def names(kafka: KafkaServer) -> Names:
    tag = uuid.uuid4().hex[:8]
    made = Names(f"posts-{tag}", f"scores-{tag}", f"dead-{tag}")
    streams = open_streams(kafka.url)
    streams.create_streams({made.posts: 1, made.scores: 2, made.dead_letters: 1})  # type: ignore[attr-defined]
    streams.close()
    return made


@pytest.fixture
def streams(kafka: KafkaServer) -> Iterator[Streams]:
    opened = open_streams(kafka.url)
    yield opened
    opened.close()


class Aggregator:
    """A process of its own, that may be killed."""

    def __init__(self, kafka: KafkaServer, valkey: ValkeyServer, names: Names) -> None:
        arguments = [kafka.url, valkey.url, names.scores, names.dead_letters]
        self._process = subprocess.Popen(
            [sys.executable, "-c", AGGREGATOR, *arguments], stdin=subprocess.PIPE
        )

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def end(self) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


AGGREGATOR = """
import sys, threading
from services.aggregation.stage import AggregationStage, Options
from services.store import open_store
from services.stream.driver import open_streams
from services.stream.worker import Limits, Worker

kafka, valkey, scores, dead = sys.argv[1:]
streams, store, stop = open_streams(kafka), open_store(valkey), threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
stage = AggregationStage(store, streams, Options(scores))
limits = Limits(batch_size=50, commit_interval_s=0.2)
Worker(stage, streams, group=scores, dead_letters=dead, limits=limits).run(stop)
streams.close()
store.close()
"""


def send(to: Streams, scores: str, items: list[AnyRecord]) -> None:
    producer = to.producer()
    for item in items:
        if isinstance(item, Scored):
            producer.send(Output(scores, topic_key(item.namespace, item.topic), encode(item)))
        else:
            producer.send(Output(scores, None, encode(item), partition=ALL_PARTITIONS))
    producer.flush(30.0)
    producer.close()


def chunk(number: int) -> list[AnyRecord]:
    start = number * 60_000
    posts: list[AnyRecord] = [
        scored(f"{number} {n}", start + n * 100, topic=f"t{n % TOPICS}") for n in range(400)
    ]
    return [*posts, posts[7], posts[9], mark(start + 40_000)]


@pytest.fixture
def aggregator(
    kafka: KafkaServer, valkey: ValkeyServer, names: Names
) -> Iterator[Callable[[], Aggregator]]:
    """Starts aggregators; none outlives the test."""
    started: list[Aggregator] = []

    def start() -> Aggregator:
        started.append(Aggregator(kafka, valkey, names))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def wait_until_counted(valkey: ValkeyServer, posts: int) -> None:
    store = valkey.open()
    reader, deadline = Reader(store), time.monotonic() + 60
    while sum(reader.totals("replay-1", f"t{n}").sums.count for n in range(TOPICS)) < posts:
        assert time.monotonic() < deadline, "nothing is counted"
        time.sleep(0.1)
    store.close()


def test_numbers_hold_while_partitions_are_added_and_a_worker_is_killed(
    kafka: KafkaServer,
    valkey: ValkeyServer,
    names: Names,
    streams: Streams,
    aggregator: Callable[[], Aggregator],
) -> None:
    first, second = aggregator(), aggregator()
    for number in range(3):
        send(streams, names.scores, chunk(number))
        time.sleep(0.5)
    wait_until_counted(valkey, 400)
    second.kill()
    streams.create_streams({names.scores: 4})  # type: ignore[attr-defined]
    third = aggregator()
    with_more = open_streams(kafka.url)  # a producer that knows the new partitions
    for number in range(3, 6):
        send(with_more, names.scores, [*chunk(number), *chunk(number - 2)[:100]])
    store = valkey.open()
    deadline = time.monotonic() + 60
    while True:
        result = audit(with_more, store, names)
        assert result.differences == []
        if result.lag == 0 and result.records:
            break
        assert time.monotonic() < deadline, f"{result.lag} scored records are never counted"
        time.sleep(0.5)
    reader = Reader(store)
    counts = [reader.totals("replay-1", f"t{n}").sums.count for n in range(TOPICS)]
    assert sum(counts) == 6 * 400
    assert sum(with_more.ends(names.scores)[p] > 3 for p in (2, 3)) > 0
    for one in (first, third):
        one.end()
    with_more.close()
    store.close()
