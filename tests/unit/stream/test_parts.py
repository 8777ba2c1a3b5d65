"""Partitioning, room, backoff, the breaker, the ledger, and what a URL names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.errors import Unavailable, UsageError
from services.stream.attempts import Attempts, Backoff, Later
from services.stream.breaker import Breaker, TooManyBad
from services.stream.driver import open_streams
from services.stream.ledger import Ledger
from services.stream.memory import MemoryStreams
from services.stream.partitioner import murmur2, partition_of
from services.stream.port import Output, Record
from services.stream.security import Security


@pytest.mark.parametrize(
    ("key", "expected"),
    [  # org.apache.kafka.common.utils.UtilsTest
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


@given(st.binary(max_size=100), st.integers(1, 1000))
def test_every_key_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


def put(streams: MemoryStreams, stream: str, count: int) -> None:
    for number in range(count):
        streams.producer().send(Output(stream, None, str(number).encode(), 0))


def test_room_shrinks_with_what_the_slowest_group_has_not_committed() -> None:
    streams = MemoryStreams(capacity=10, tail=2)
    fast, slow = streams.consumer("s", "fast"), streams.consumer("s", "slow")
    for consumer in (fast, slow):
        consumer.poll(0, 0.0)
    put(streams, "s", 8)
    assert streams.room("s") == 2
    fast.commit({0: 8})
    assert streams.room("s") == 2
    slow.commit({0: 5})
    assert streams.room("s") == 7
    put(streams, "s", 20)  # a hint, not a wall
    assert streams.room("s") == 0
    assert len(streams.read("s", 0, 0, 99)) == 23


def test_what_all_groups_have_committed_is_let_go_but_for_a_tail() -> None:
    streams = MemoryStreams(tail=3)
    consumer = streams.consumer("s", "g")
    consumer.poll(0, 0.0)
    put(streams, "s", 10)
    assert len(streams.read("s", 0, 0, 99)) == 10
    consumer.commit({0: 10})
    assert [r.offset for r in streams.read("s", 0, 0, 99)] == [7, 8, 9]


def test_a_stream_that_nobody_reads_keeps_its_tail_and_always_has_room() -> None:
    streams = MemoryStreams(capacity=5, tail=3)
    put(streams, "s", 50)
    assert [r.offset for r in streams.read("s", 0, 0, 99)] == [47, 48, 49]
    assert streams.room("s") == 5


def test_a_new_memory_stream_is_a_new_epoch() -> None:
    assert MemoryStreams().epoch("s") != MemoryStreams().epoch("s")


def test_backoff_grows_to_its_cap_and_jitters_below() -> None:
    steady = Backoff(0.1, 10.0, 0.0)
    assert [steady.delay_s(n) for n in (0, 1, 2, 6, 7, 99)] == [0.1, 0.2, 0.4, 6.4, 10.0, 10.0]
    jittered = [Backoff(1.0, 8.0, 0.5).delay_s(3) for _ in range(200)]
    assert 4.0 <= min(jittered) < max(jittered) <= 8.0


def test_only_the_operation_that_failed_makes_well() -> None:
    now = [0.0]
    attempts = Attempts("s", Backoff(1.0, 8.0, 0.0), lambda: now[0])

    def away() -> None:
        raise Unavailable("Redis", "away")

    attempts.make("poll", int)
    assert attempts.failing is None
    with pytest.raises(Later):
        attempts.make("flush", away)
    assert (attempts.failing, attempts.reason, attempts.wait_s) == ("flush", "Redis: away", 1.0)
    attempts.make("poll", int)
    assert attempts.failing == "flush"
    with pytest.raises(Later):
        attempts.make("flush", away)
    assert attempts.wait_s == 2.0
    attempts.make("flush", int)
    assert (attempts.failing, attempts.wait_s) == (None, 0.0)


def test_the_breaker_needs_a_full_window() -> None:
    breaker = Breaker(window=10, share=0.5)
    breaker.count(9, 9)
    with pytest.raises(TooManyBad, match="10 of the last 10"):
        breaker.count(1, 1)


@given(st.lists(st.integers(1, 20), max_size=50))
def test_the_breaker_bears_half(sizes: list[int]) -> None:
    breaker = Breaker(window=10, share=0.5)
    for size in sizes:
        breaker.count(2 * size, size)


def test_the_breaker_forgets_what_is_long_ago() -> None:
    breaker = Breaker(window=10, share=0.5)
    breaker.count(5, 5)
    for _ in range(10):
        breaker.count(5, 0)
    breaker.count(5, 5)
    with pytest.raises(TooManyBad):
        breaker.count(5, 5)


def record(partition: int, offset: int) -> Record:
    return Record("s", partition, offset, None, b"", 0)


def test_a_tenure_that_ended_commits_nothing() -> None:
    ledger = Ledger()
    assert ledger.update({0: 1, 1: 2}) == ([], [0, 1])
    batch = ledger.batch([record(0, 5), record(1, 7)])
    assert ledger.update({0: 1}) == ([1], [])
    assert ledger.alive(batch)
    ledger.done(batch)
    assert ledger.positions() == {0: 6}
    assert ledger.update({0: 3}) == ([0], [0])  # lost, and back
    assert not ledger.alive(batch)
    assert ledger.positions() == {}


def test_uncommitted_work_begins_where_the_last_commit_ended() -> None:
    ledger = Ledger()
    ledger.update({0: 1})
    ledger.polled([record(0, 5), record(0, 6), record(0, 7)])
    assert ledger.begun(0) == 5
    ledger.done(ledger.batch([record(0, 5), record(0, 6)]))
    ledger.committed(ledger.positions())
    assert (ledger.begun(0), ledger.positions()) == (7, {})
    ledger.sought(0, 2)
    assert ledger.begun(0) == 2


@pytest.mark.parametrize("url", ["", "memory", "kafka://", "redis://x", "memory://host"])
def test_a_url_that_names_no_driver_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="names no driver"):
        open_streams(url)


def test_a_secret_is_never_shown() -> None:
    security = Security("SASL_SSL", "PLAIN", "me", SecretStr("hush"))
    assert "hush" not in repr(security)
    assert security.options()["sasl_plain_password"] == "hush"


@pytest.mark.parametrize(
    ("security", "message"),
    [
        (Security("TLS"), "'TLS' is none of PLAINTEXT, SSL"),
        (Security("SASL_SSL"), "needs a Kafka user name and a password"),
        (Security("SSL", ca_file="/nowhere.pem"), "there is no file /nowhere.pem"),
    ],
)
def test_what_cannot_work_is_said_before_it_is_tried(security: Security, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        security.options()
