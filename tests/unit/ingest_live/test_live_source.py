"""A live source: order, cursor, pictures in threads, what is bad, what repeats."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence

import pytest

from services.errors import Unavailable, UndertoneError
from services.ingest.draft import Refused
from services.ingest.fetch_limits import Fetched
from services.ingest.live_source import place
from services.ingest.source import Brought
from services.records import Post
from tests.unit.ingest_live.live_bench import NOW_MS, Bench, names


def test_what_matches_comes_out_in_order_with_its_topics() -> None:
    bench = Bench()
    bench.socket.put("a", "?b", "c", "-a", "!", "future", position=7)
    brought = bench.read()
    assert names(brought) == ["+a", "+c", "-a", "!malformed_json", "!future_timestamp"]
    assert isinstance(brought[0], Post)
    assert brought[0].topics == ("acme",)
    assert brought[0].namespace == "live"
    counters = bench.source.counters
    assert (counters.posts_read, counters.posts_matched) == (4, 2)
    assert (counters.deletions, counters.dead_lettered) == (1, 2)
    refused = brought[3]
    assert isinstance(refused, Refused)
    assert refused.value == b"!"
    assert bench.read() == []
    assert not bench.source.ended


def test_the_cursor_is_behind_what_has_left() -> None:
    bench = Bench(b'{"position": 3, "host": "host-b"}')
    assert json.loads(bench.source.cursor()) == {"position": 3, "host": "host-a"}
    bench.socket.put("a", "b", "c", position=7)
    bench.socket.put("d", position=9)
    assert names(bench.read(2)) == ["+a", "+b"]
    assert place(bench.source.cursor()).position == 3
    assert names(bench.read(2)) == ["+c"]
    assert place(bench.source.cursor()).position == 7
    assert names(bench.read()) == ["+d"]
    assert place(bench.source.cursor()).position == 9


def test_what_matches_nothing_moves_the_cursor_too() -> None:
    bench = Bench()
    bench.socket.put("?a", position=5)
    assert bench.read() == []
    assert place(bench.source.cursor()).position == 5
    with pytest.raises(UndertoneError, match="none of ours"):
        place(b"nonsense")


def test_a_rewind_brings_nothing_twice() -> None:
    bench = Bench()
    bench.socket.put("a", "b", position=5)
    bench.socket.put("a", "b", "c", position=6)
    assert names(bench.read()) == ["+a", "+b"]
    assert names(bench.read()) == ["+c"]


class Gate:
    """A fetch that waits until a test opens it, URL by URL."""

    def __init__(self) -> None:
        self.open: dict[str, threading.Event] = {}

    def __call__(self, urls: Sequence[str]) -> Sequence[Fetched]:
        for url in urls:
            if url in self.open:
                self.open[url].wait(5)
        return [Fetched(jpeg=b"jpeg") if "ok" in u else Fetched(reason="http_404") for u in urls]


def until(read: Callable[[], list[Brought]], count: int) -> list[Brought]:
    found: list[Brought] = []
    for _ in range(500):
        found += read()
        if len(found) >= count:
            break
        threading.Event().wait(0.01)
    return found


def test_pictures_come_in_threads_and_posts_still_in_order() -> None:
    gate = Gate()
    gate.open["http://ok/slow"] = threading.Event()
    bench = Bench(fetch=gate)
    bench.socket.put("a=http://ok/slow", "b", position=1)
    bench.socket.put("c=http://gone/1", position=2)
    assert bench.read() == []
    assert bench.read() == []
    assert place(bench.source.cursor()).position == 0
    gate.open["http://ok/slow"].set()
    brought = until(bench.read, 3)
    assert names(brought) == ["+a", "+b", "+c"]
    pictures = [p for post in brought if isinstance(post, Post) for p in post.pictures]
    assert [(p.jpeg, p.reason) for p in pictures] == [(b"jpeg", ""), (None, "http_404")]
    assert place(bench.source.cursor()).position == 2
    bench.source.close()
    assert bench.socket.closed


def test_too_much_that_waits_stops_the_reading() -> None:
    gate = Gate()
    gate.open["http://ok/slow"] = threading.Event()
    bench = Bench(fetch=gate)
    for number in range(30):
        bench.socket.put(f"a{number}=http://ok/slow", position=number)
        bench.read()
    assert len(bench.socket.batches) == 14
    gate.open["http://ok/slow"].set()
    assert len(until(bench.read, 30)) == 30


def test_without_fetching_a_picture_says_so() -> None:
    bench = Bench()
    bench.socket.put("a=http://ok/1", position=1)
    (post,) = bench.read()
    assert isinstance(post, Post)
    assert post.pictures[0].reason == "fetching_off"


def test_a_store_that_is_away_loses_nothing() -> None:
    bench = Bench()
    bench.index.down = True
    bench.socket.put("a", "b", position=4)
    for _ in range(3):
        with pytest.raises(Unavailable):
            bench.read()
    assert place(bench.source.cursor()).position == 0
    bench.index.down = False
    assert names(bench.read()) == ["+a", "+b"]
    assert bench.source.counters.posts_matched == 2
    bench.reader.down = True
    bench.socket.put("c", position=5)
    for _ in range(3):
        with pytest.raises(Unavailable):
            bench.read()
    bench.reader.down = False
    assert names(bench.read()) == ["+c"]


def test_the_reader_is_told_before_and_after() -> None:
    bench = Bench()
    bench.socket.put("a", "?b", "-a", position=1)
    bench.read()
    assert bench.reader.prepared == [b"a", b"?b", b"-a"]
    assert (bench.reader.kept, bench.reader.gone) == (["p:a"], ["p:a"])


def test_status_is_told_every_other_second_and_a_deaf_store_is_no_reason_to_stop() -> None:
    bench = Bench()
    for step_ms in (0, 1_000, 1_500, 2_500):
        bench.now_ms = NOW_MS + step_ms
        bench.read()
    assert len(bench.published) == 2
    assert json.loads(bench.published[0])["source"] == "fake"

    def deaf(_: bytes) -> None:
        raise Unavailable("store", "gone")

    assert Bench(publish=deaf).read() == []
