"""The connection to Jetstream against a server that fails in every way on demand."""

from __future__ import annotations

import json
import socket
import time

import pytest

from services.ingest.gaps import Watch
from services.ingest.jetstream_socket import JetstreamSocket, Tuning
from services.ingest.live import Backoff
from tests.simulators.jetstream import JetstreamServer, Log, generate

pytestmark = pytest.mark.integration

FAST = Tuning(
    rewind_s=0.5,
    rewind_elsewhere_s=1.0,
    quiet_s=5.0,
    silence_s=0.5,
    open_s=2.0,
    backoff=Backoff(first_s=0.05),
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def log() -> Log:
    """Two thousand posts of the last forty seconds."""
    log = Log()
    log.add(generate(2000, start_us=(now_ms() - 60_000) * 1000))
    return log


@pytest.fixture
def watch() -> Watch:
    return Watch("bluesky", now_ms)


def keys(messages: list[bytes]) -> set[str]:
    """The record keys of the posts among the messages."""
    found = set()
    for message in messages:
        if b"plc:broken" not in message:
            found.add(json.loads(message)["commit"]["rkey"])
    return {key for key in found if key.startswith("3k")}


POSTS = {f"3k{number:011d}" for number in range(2000)}


def wait_connected(watch: Watch, most_s: float = 20.0) -> None:
    until = time.monotonic() + most_s
    while not watch.status().connected:
        assert time.monotonic() < until, watch.status()
        time.sleep(0.01)


def drain(stream: JetstreamSocket, most_s: float = 20.0) -> list[bytes]:
    """Take until every post was there."""
    taken: list[bytes] = []
    seen: set[str] = set()
    until = time.monotonic() + most_s
    while len(seen) < len(POSTS) and time.monotonic() < until:
        new = [m for m, _ in stream.take(500, 0.2)]
        taken += new
        seen |= keys(new)
    return taken


def test_from_a_cursor_everything_wanted_comes_in_order(log: Log, watch: Watch) -> None:
    with JetstreamServer(log) as server:
        stream = JetstreamSocket(watch, cursor_us=log.times[0], hosts=[server.url], tuning=FAST)
        taken = drain(stream)
        stream.close()
    assert keys(taken) == POSTS
    assert not any(b"app.bsky.feed.like" in message for message in taken)
    times = [json.loads(message)["time_us"] for message in taken]
    assert times == sorted(times)
    assert server.queries[0]["wantedCollections"] == ["app.bsky.feed.post", "app.bsky.feed.repost"]
    assert watch.status().events == len(taken)


def test_without_a_cursor_only_what_is_new_comes(log: Log, watch: Watch) -> None:
    with JetstreamServer(log) as server:
        stream = JetstreamSocket(watch, hosts=[server.url], tuning=FAST)
        wait_connected(watch)
        assert stream.take(10, 0.3) == []
        new = list(generate(3, start_us=now_ms() * 1000, seed=8))
        log.add(new)
        taken: list[bytes] = []
        while len(keys(taken)) < 3:
            taken += [m for m, _ in stream.take(10, 1.0)]
        stream.close()
    assert "cursor" not in server.queries[0]
    assert watch.status().gaps == ()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("drop", "connection_lost"),
        ("close", "connection_lost"),
        ("stall", "silent"),
        ("http_503", "http_503"),
        ("http_429", "http_429"),
    ],
)
def test_nothing_is_lost_over_a_broken_connection(
    fault: str, cause: str, log: Log, watch: Watch
) -> None:
    with JetstreamServer(log) as server:
        server.faults += [fault, fault, fault]
        stream = JetstreamSocket(watch, cursor_us=log.times[0], hosts=[server.url], tuning=FAST)
        assert keys(drain(stream)) == POSTS
        stream.close()
    status = watch.status()
    assert status.reconnects == 3
    assert status.lost_ms == 0
    if not fault.startswith("http_"):
        assert [(gap.cause, gap.filled) for gap in status.gaps[1:]] == [(cause, True)] * 3


@pytest.mark.parametrize("fault", ["duplicate", "reorder", "garbage"])
def test_messages_that_misbehave_are_handed_on_for_others_to_judge(
    fault: str, log: Log, watch: Watch
) -> None:
    with JetstreamServer(log) as server:
        server.faults += [fault, fault]
        stream = JetstreamSocket(watch, cursor_us=log.times[0], hosts=[server.url], tuning=FAST)
        assert keys(drain(stream)) == POSTS
        stream.close()
    assert watch.status().reconnects == 0


def test_another_host_takes_over_with_a_larger_rewind(log: Log, watch: Watch) -> None:
    with JetstreamServer(log) as first, JetstreamServer(log, skew_us=700_000) as second:
        first.faults += ["drop"]
        stream = JetstreamSocket(
            watch, cursor_us=log.times[0], hosts=[first.url, second.url], tuning=FAST
        )
        assert keys(drain(stream)) == POSTS
        assert stream.host == second.url
        stream.close()
        assert watch.status().host == second.url
    (asked,) = second.queries
    asked_us, newest_us = int(asked["cursor"][0]), log.times[-1]
    assert log.times[0] - 1_000_000 < asked_us < newest_us - 1_000_000


def test_a_dead_host_is_passed_over(log: Log, watch: Watch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        dead = f"ws://127.0.0.1:{gone.getsockname()[1]}"
    with JetstreamServer(log) as server:
        stream = JetstreamSocket(
            watch, cursor_us=log.times[0], hosts=[dead, server.url], tuning=FAST
        )
        assert keys(drain(stream)) == POSTS
        stream.close()


def test_a_clamped_cursor_is_a_gap_and_not_health(log: Log, watch: Watch) -> None:
    log.kept_from_us = log.times[len(log.times) // 2]
    with JetstreamServer(log) as server:
        stream = JetstreamSocket(
            watch,
            cursor_us=log.times[0],
            cursor_host=server.url,
            hosts=[server.url],
            tuning=FAST,
        )
        stream.take(10, 2.0)
        stream.close()
    (gap,) = watch.status().gaps
    assert gap.cause == "restart, cursor_clamped"
    assert not gap.filled
    assert gap.from_ms == log.times[0] // 1000
    assert abs(gap.to_ms - log.kept_from_us // 1000) < 200
    assert watch.status().lost_ms == gap.to_ms - gap.from_ms


def test_who_does_not_take_holds_the_server_back(log: Log, watch: Watch) -> None:
    tuning = Tuning(buffered=100, silence_s=30)
    with JetstreamServer(log) as server:
        stream = JetstreamSocket(watch, cursor_us=log.times[0], hosts=[server.url], tuning=tuning)
        time.sleep(0.5)
        assert watch.status().events < 2000
        assert keys(drain(stream)) == POSTS
        stream.close()


def test_status_tells_whether_and_since_when(log: Log, watch: Watch) -> None:
    assert not watch.status().connected
    with JetstreamServer(log) as server:
        started = now_ms()
        stream = JetstreamSocket(watch, cursor_us=log.times[0], hosts=[server.url], tuning=FAST)
        drain(stream)
        status = watch.status()
        assert status.connected
        assert started <= status.since_ms <= now_ms()
        assert status.last_event_ms == log.times[-1] // 1000 or status.last_event_ms > 0
        assert json.loads(status.to_json())["host"] == server.url
    stream.take(1, 1.0)
    deadline = time.monotonic() + 5
    while watch.status().connected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not watch.status().connected
    assert watch.status().cause
    stream.close()
