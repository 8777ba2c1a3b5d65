"""What the dashboard's benchmark runs: a full store, readers, idle live connections."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from services.store import schema
from services.store.reader import LIVE
from services.store.schema import HOURS, MINUTES, TEN_SECONDS, Resolution
from services.store.store import Store

PLACEHOLDER = "topic-00000"
"""As long as every topic's name, so that one topic's commands become another's by replacing it."""
VARIANTS = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """Topics that are alike: how many, and how often each has a post."""

    share: float
    every_ms: int


KINDS = (Kind(0.01, 10_000), Kind(0.09, 120_000), Kind(0.9, 864_000))
"""One in a hundred with a post each ten seconds, most with a hundred posts a day."""


def names(topics: int) -> list[str]:
    return [f"topic-{number:05d}" for number in range(topics)]


def fill(store: Store, url: str, topics: int, days: int, now_ms: int) -> None:
    """`topics` topics with `days` days of panes up to now, as the aggregator writes them."""
    store.add_namespace(LIVE, LIVE, now_ms - days * schema.DAY_MS)
    store.publish_watermarks(LIVE, {"0": now_ms - 30_000})
    store.expect_partitions(LIVE, 1)
    templates = [
        [_commands(kind, days, now_ms, random.Random(seed)) for seed in range(VARIANTS)]
        for kind in KINDS
    ]
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        for number, name in enumerate(names(topics)):
            text, count = templates[kind_of(number, topics)][number % VARIANTS]
            connection.sendall(text.replace(PLACEHOLDER.encode(), name.encode()))
            left = count
            while left:
                left -= connection.recv(1 << 16).count(b"\n")
    newest = {name: now_ms - number % 900 * 1000 for number, name in enumerate(names(topics))}
    store.add_topics(LIVE, newest)
    roll(store, names(topics), now_ms)


def kind_of(number: int, topics: int) -> int:
    """The index in KINDS of a topic: the busy ones first."""
    place, reached = number / topics, 0.0
    for index, kind in enumerate(KINDS):
        reached += kind.share
        if place < reached:
            return index
    return len(KINDS) - 1


def roll(store: Store, topics: Sequence[str], now_ms: int) -> None:
    """Write rolling windows, as the aggregator does."""
    end = schema.window_end(now_ms)
    for first in range(0, len(topics), 200):
        store.roll([(LIVE, name, end, True) for name in topics[first : first + 200]])


def _commands(kind: Kind, days: int, now_ms: int, rng: random.Random) -> tuple[bytes, int]:
    """HSETs of one topic in Redis's protocol, and how many."""
    made = [
        command
        for resolution, back_ms in (
            (TEN_SECONDS, TEN_SECONDS.keep_ms),
            (MINUTES, min(days * schema.DAY_MS, MINUTES.keep_ms)),
            (HOURS, days * schema.DAY_MS),
        )
        for command in _panes(kind, resolution, now_ms - back_ms, now_ms, rng)
    ]
    return b"".join(made), len(made)


def _panes(
    kind: Kind, resolution: Resolution, start_ms: int, stop_ms: int, rng: random.Random
) -> Iterator[bytes]:
    """A hash a slice; posts are so many on average as the kind says."""
    prefix = schema.topic_prefix(LIVE, PLACEHOLDER) + f"{resolution.name}:"
    per_pane = resolution.width_ms / kind.every_ms
    for number in range(start_ms // resolution.slice_ms, stop_ms // resolution.slice_ms + 1):
        words = []
        for place in range(schema.PANES_PER_SLICE):
            at = number * resolution.slice_ms + place * resolution.width_ms
            posts = int(per_pane * 2 * rng.random() + rng.random() * min(1, per_pane))
            if start_ms <= at < stop_ms and posts:
                words += [str(place), _pane(posts, rng)]
        if words:
            yield _resp(["HSET", f"{prefix}{number}", *words])


def _pane(posts: int, rng: random.Random) -> str:
    negative = rng.randint(0, posts)
    positive = rng.randint(0, posts - negative)
    total = (positive - negative) * rng.randint(3_000, 8_000)
    squares = (negative + positive) * 36_000_000
    counts = (negative, posts - negative - positive, positive)
    return " ".join(map(str, (*counts, total, squares, 0, posts // 3, posts)))


def _resp(words: Sequence[str]) -> bytes:
    parts = [f"*{len(words)}\r\n"]
    parts += [f"${len(word)}\r\n{word}\r\n" for word in words]
    return "".join(parts).encode()


# -- traffic ----------------------------------------------------------------------


def traffic(url: str, topics: int, per_second: int, seconds: float) -> None:
    """A post a second for so many topics, counted and rolled as the aggregator would."""
    from services.store.opening import open_store

    store, rng, known = open_store(url), random.Random(3), names(topics)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        begun = time.monotonic()
        now_ms = time.time_ns() // 1_000_000
        moved = rng.sample(known, per_second)
        for name in moved:
            store.client.pipe(list(_count(name, now_ms, rng)))
        store.add_topics(LIVE, dict.fromkeys(moved, now_ms))
        store.publish_watermarks(LIVE, {"0": now_ms - 30_000})
        roll(store, moved, now_ms)
        time.sleep(max(0.0, 1 - (time.monotonic() - begun)))
    store.close()


def _count(name: str, now_ms: int, rng: random.Random) -> Iterator[tuple[object, ...]]:
    for resolution in schema.RESOLUTIONS:
        key = schema.topic_prefix(LIVE, name) + f"{resolution.name}:{now_ms // resolution.slice_ms}"
        place = now_ms // resolution.width_ms % schema.PANES_PER_SLICE
        yield ("HSET", key, place, _pane(rng.randint(1, 5), rng))


# -- readers ----------------------------------------------------------------------

Timings = dict[str, list[float]]


async def read(
    port: int, topics: int, readers: int, seconds: float, pause_s: float, packed: bool
) -> Timings:
    """What readers at once had to wait for, in seconds, by kind of request. Each has one
    connection, asks again `pause_s` after an answer, and takes gzip where `packed`."""
    timings: Timings = {"overview": [], "series": []}
    ends = time.monotonic() + seconds
    await asyncio.gather(
        *(
            _reader(port, topics, random.Random(n), timings, ends, pause_s, packed)
            for n in range(readers)
        )
    )
    return timings


async def _reader(
    port: int,
    topics: int,
    rng: random.Random,
    timings: Timings,
    ends: float,
    pause_s: float,
    packed: bool,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    coding = "gzip" if packed else "identity"
    await asyncio.sleep(rng.random() * pause_s)
    while time.monotonic() < ends:
        kind = "overview" if rng.random() < 0.5 else "series"
        path = _overview(rng) if kind == "overview" else _series(rng, topics)
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {coding}\r\n\r\n"
        begun = time.perf_counter()
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        timings[kind].append(time.perf_counter() - begun)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path}: {head!r} {body[:300]!r}")
        await asyncio.sleep(pause_s)
    writer.close()


def _overview(rng: random.Random) -> str:
    """The first page as most people have it; some sort, search, or turn pages."""
    sort = rng.choice(["count", "count", "count", "negative", "score", "change", "name"])
    extra = rng.choice(["", "", "", "", f"&q={rng.randint(0, 99)}", "&offset=50"])
    return f"/api/v1/topics?namespace=live&window=15m&sort={sort}{extra}"


def _series(rng: random.Random, topics: int) -> str:
    """Half of them 30 days by the hour, the others shorter; busy topics as often as quiet ones."""
    busy = rng.random() < 0.5
    number = rng.randrange(max(1, topics // 100)) if busy else rng.randrange(topics)
    days = rng.choice([30, 30, 30, 7, 1, 1 / 24])
    now_ms = time.time_ns() // 1_000_000
    name = quote(names(topics)[number])
    start = int(now_ms - days * schema.DAY_MS)
    return f"/api/v1/topics/{name}/series?namespace=live&from={start}&to={now_ms}"


async def hold(port: int, connections: int, seconds: float) -> int:
    """Keep live connections open and read what comes; how many were still open at the end."""
    request = b"GET /api/v1/events?namespace=live&topic=nobody HTTP/1.1\r\nHost: localhost\r\n\r\n"
    opened = []
    for _ in range(connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        opened.append((reader, writer))
        await reader.readuntil(b"\r\n\r\n")
    print("open", flush=True)
    drains = [asyncio.create_task(_drain(reader)) for reader, _ in opened]
    await asyncio.sleep(seconds)
    still = sum(not task.done() for task in drains)
    for task in drains:
        task.cancel()
    for _, writer in opened:
        writer.close()
    return still


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


def main() -> None:
    """A process of its own: `read`, `hold` or `traffic` with its arguments as JSON."""
    what, arguments = sys.argv[1], json.loads(sys.argv[2])
    if what == "traffic":
        traffic(**arguments)
    elif what == "hold":
        print(asyncio.run(hold(**arguments)), flush=True)
    else:
        print(json.dumps(asyncio.run(read(**arguments))), flush=True)


if __name__ == "__main__":
    main()
