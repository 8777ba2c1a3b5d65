"""What every streams driver must do, on memory and on a real Kafka broker."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

import pytest

from services.stream.kafka import KafkaStreams
from services.stream.memory import MemoryStreams
from services.stream.partitioner import partition_of
from services.stream.port import ALL_PARTITIONS, Consumer, Output, Record, Streams

PARTITIONS = 3
_names = itertools.count()


@pytest.fixture(
    params=["memory", pytest.param("kafka", marks=pytest.mark.integration)], scope="module"
)
def streams(request: pytest.FixtureRequest) -> Iterator[Streams]:
    made: MemoryStreams | KafkaStreams
    if request.param == "memory":
        made = MemoryStreams(PARTITIONS)
    else:
        server = request.getfixturevalue("kafka")
        made = KafkaStreams([server.address], metadata_age_s=1.0)
    yield made
    made.close()


@pytest.fixture
def stream(streams: Streams) -> str:
    """A stream of its own for each test, with three partitions."""
    name = f"contract-{uuid.uuid4().hex[:8]}.in"
    streams.create_streams({name: PARTITIONS})  # type: ignore[attr-defined]
    return name


@pytest.fixture
def consume(streams: Streams, stream: str) -> Iterator[Callable[..., Consumer]]:
    opened: list[Consumer] = []

    def consumer(group: str = "g") -> Consumer:
        opened.append(streams.consumer(stream, group))
        return opened[-1]

    yield consumer
    for one in opened:
        one.close()


def send(streams: Streams, *outputs: Output) -> None:
    producer = streams.producer()
    for output in outputs:
        producer.send(output)
    producer.flush(10.0)
    producer.close()


def numbered(stream: str, count: int, partition: int | None = None) -> list[Output]:
    return [Output(stream, f"k{n}".encode(), f"v{n}".encode(), partition) for n in range(count)]


def poll_until(consumer: Consumer, count: int, timeout_s: float = 20.0) -> list[Record]:
    """Poll until `count` records are there, in one list."""
    records: list[Record] = []
    deadline = time.monotonic() + timeout_s
    while len(records) < count and time.monotonic() < deadline:
        records += consumer.poll(100, 0.2)
    return records


def settle(
    consumers: Sequence[Consumer], shares: set[int], timeout_s: float = 20.0
) -> list[Record]:
    """Poll all in turn until their shares are as told, and together everything."""
    deadline = time.monotonic() + timeout_s
    records: list[Record] = []
    while time.monotonic() < deadline:
        for consumer in consumers:
            consumer.pause(list(consumer.assignment()))
            records += consumer.poll(1, 0.05)
        held = [set(consumer.assignment()) for consumer in consumers]
        together = sorted(itertools.chain(*held))
        if {len(share) for share in held} == shares and together == list(range(PARTITIONS)):
            return records
    raise AssertionError(f"partitions never settled: {held}")


def test_a_record_comes_as_it_was_sent(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    headers = (("h", b"\x00\xff"), ("h", b"again"))
    send(streams, Output(stream, b"\xffkey", b"\x00value", 1, headers))
    (record,) = poll_until(consume(), 1)
    assert (record.stream, record.partition, record.offset) == (stream, 1, 0)
    assert (record.key, record.value, record.headers) == (b"\xffkey", b"\x00value", headers)
    assert abs(record.timestamp_ms / 1000 - time.time()) < 60


def test_a_record_without_key_or_value_comes_as_such(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, Output(stream, None, b"v", 0), Output(stream, b"tombstone", None, 0))
    first, second = poll_until(consume(), 2)
    assert (first.key, first.value) == (None, b"v")
    assert (second.key, second.value) == (b"tombstone", None)


def test_keys_lie_where_murmur2_says_and_in_order(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, *numbered(stream, 60))
    records = poll_until(consume(), 60)
    for record in records:
        assert record.key is not None
        assert record.partition == partition_of(record.key, PARTITIONS)
    for partition in range(PARTITIONS):
        mine = [r for r in records if r.partition == partition]
        assert [r.offset for r in mine] == list(range(len(mine)))
        assert [int((r.value or b"")[1:]) for r in mine] == sorted(
            int((r.value or b"")[1:]) for r in mine
        )


def test_to_all_partitions(streams: Streams, stream: str, consume: Callable[..., Consumer]) -> None:
    send(streams, Output(stream, None, b"mark", ALL_PARTITIONS))
    assert sorted(r.partition for r in poll_until(consume(), 3)) == [0, 1, 2]


def test_big_records(streams: Streams, stream: str, consume: Callable[..., Consumer]) -> None:
    picture = bytes(range(256)) * 1200
    send(streams, *[Output(stream, None, picture * 4, n % 3) for n in range(6)])
    records = poll_until(consume(), 6)
    assert [r.value == picture * 4 for r in records] == [True] * 6


def test_a_poll_brings_no_more_than_asked(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, *numbered(stream, 10, 0))
    consumer = consume()
    seen: list[Record] = []
    deadline = time.monotonic() + 20
    while len(seen) < 10 and time.monotonic() < deadline:
        records = consumer.poll(3, 0.2)
        assert len(records) <= 3
        seen += records
    assert [r.offset for r in seen] == list(range(10))


def test_a_group_goes_on_where_it_committed(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, *numbered(stream, 10, 0))
    first = consume()
    assert len(poll_until(first, 10)) == 10
    assert first.commit({0: 4})
    first.close()
    assert [r.offset for r in poll_until(consume(), 6)] == list(range(4, 10))
    assert dict(streams.committed(stream, "g")) == {0: 4}  # type: ignore[attr-defined]


def test_groups_do_not_see_each_other(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, *numbered(stream, 5, 0))
    one, other = consume("one"), consume("other")
    assert len(poll_until(one, 5)) == 5
    assert one.commit({0: 5})
    assert len(poll_until(other, 5)) == 5


def test_what_was_polled_and_not_committed_comes_again(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, *numbered(stream, 5, 0))
    first = consume()
    assert len(poll_until(first, 5)) == 5
    first.close()
    assert len(poll_until(consume(), 5)) == 5


def test_seek(streams: Streams, stream: str, consume: Callable[..., Consumer]) -> None:
    send(streams, *numbered(stream, 10, 0))
    consumer = consume()
    poll_until(consumer, 10)
    consumer.seek(0, 7)
    assert [r.offset for r in poll_until(consumer, 3)] == [7, 8, 9]


def test_paused_partitions_bring_nothing_and_lose_nothing(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, *[o for p in range(3) for o in numbered(stream, 20, p)])
    consumer = consume()
    records: list[Record] = []
    deadline = time.monotonic() + 30
    while len(records) < 60 and time.monotonic() < deadline:
        held = list(consumer.assignment())
        consumer.pause(held)
        came = consumer.poll(7, 0.05)
        assert not (came and held)
        records += came
        consumer.resume(held)
        records += consumer.poll(7, 0.2)
    for partition in range(3):
        assert [r.offset for r in records if r.partition == partition] == list(range(20))


def test_members_share_the_partitions_and_take_over(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    first = consume()
    settle([first], {3})
    before = dict(first.assignment())
    second = consume()
    settle([first, second], {1, 2})
    kept = dict(first.assignment())
    assert all(before[p] == tenure for p, tenure in kept.items())  # what stays is not revoked
    second.close()
    settle([first], {3})
    after = dict(first.assignment())
    assert all(after[p] == tenure for p, tenure in kept.items())
    assert all(after[p] not in before.values() for p in after if p not in kept)


def test_a_taken_over_partition_starts_where_the_group_committed(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    send(streams, *[o for p in range(3) for o in numbered(stream, 4, p)])
    first = consume()
    assert len(poll_until(first, 12)) == 12
    assert first.commit({0: 4, 1: 2, 2: 0})
    second = consume()
    found = settle([first, second], {1, 2})
    second.resume(list(second.assignment()))
    starts = {0: 4, 1: 2, 2: 0}
    expected = {(p, o) for p in second.assignment() for o in range(starts[p], 4)}
    found += poll_until(second, len(expected) - len(found), 10.0)
    assert {(r.partition, r.offset) for r in found} == expected


def test_ends_and_reading_without_a_group(streams: Streams, stream: str) -> None:
    assert streams.ends(stream) == {0: 0, 1: 0, 2: 0}
    send(streams, *numbered(stream, 10, 2))
    assert streams.ends(stream) == {0: 0, 1: 0, 2: 10}
    assert [r.offset for r in streams.read(stream, 2, 3, 7)] == [3, 4, 5, 6]
    assert [r.offset for r in streams.read(stream, 2, 8, 99)] == [8, 9]
    assert streams.read(stream, 0, 0, 9) == []


def test_partitions_may_be_added(
    streams: Streams, stream: str, consume: Callable[..., Consumer]
) -> None:
    consumer = consume()
    settle([consumer], {3})
    streams.create_streams({stream: 5})  # type: ignore[attr-defined]
    assert streams.partitions(stream) == 5
    deadline = time.monotonic() + 20
    while set(consumer.assignment()) != set(range(5)) and time.monotonic() < deadline:
        consumer.poll(1, 0.1)
    assert set(consumer.assignment()) == set(range(5))
    send(streams, Output(stream, None, b"new", 4))
    consumer.resume(list(consumer.assignment()))
    assert [r.partition for r in poll_until(consumer, 1)] == [4]


def test_an_epoch_is_a_streams_own(streams: Streams, stream: str) -> None:
    other = stream + "2"
    streams.create_streams({other: 1})  # type: ignore[attr-defined]
    assert streams.epoch(stream) == streams.epoch(stream)
    assert streams.epoch(stream) != streams.epoch(other)


def test_there_is_room(streams: Streams, stream: str) -> None:
    assert streams.room(stream) > 0
