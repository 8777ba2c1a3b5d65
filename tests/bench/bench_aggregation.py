"""What counting costs: scored posts per second and core, and the store's memory.

    python -m tests.bench.bench_aggregation [posts] [--kafka]

Posts with 120 characters of words are spread over 10, 1,000 and 10,000 topics
(some topics a hundred times busier than others), 5,000 posts to the hour of
event time for each ten topics. The stage runs alone on records in memory, or
with `--kafka` behind a worker on a real broker. The server's processor time
is read from Valkey. Memory is of one topic over one day of its life, busy
(a post each 10 s) and quiet (100 posts). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import uuid
from collections.abc import Sequence
from typing import Any

from services.aggregation.stage import AggregationStage, Options
from services.records import Scored, Watermark, encode, topic_key
from services.store.store import Store
from services.stream.port import ALL_PARTITIONS, Output, Record, Streams
from services.stream.worker import Limits, Worker
from tests.servers.valkey import ValkeyServer

START_MS = 1_750_000_000_000
WORDS = "the new phone from them is great but its battery is not what they said it would be at all"
NAMESPACE = "bench"
BATCH = 4_000


def scored(number: int, topic: str, created_ms: int, rng: random.Random) -> Scored:
    score = rng.randint(-9_000, 9_000)
    third = (0.25, 0.25, 0.5)
    return Scored(
        id=f"x:{1_500_000_000_000_000_000 + number}",
        namespace=NAMESPACE,
        topic=topic,
        created_at_ms=created_ms,
        arrived_at_ms=created_ms + 900,
        label=0 if score < -3_000 else 2 if score > 3_000 else 1,
        score=score,
        dmlanet=third,
        rnnca=third,
        picture_weight=0.4,
        has_image=True,
        has_text=True,
        partition=0,
        offset=number,
        author=f"x:{rng.randint(1, 200_000)}",
        author_name="somebody",
        lang="en",
        url=f"https://x.com/i/status/{number}",
        text=f"{WORDS} {number}"[:120],
        attention=rng.randbytes(194),
        picture_urls=("https://pbs.twimg.com/media/F1a2B3c4D5e6F7g.jpg",),
    )


def outputs(posts: int, topics: int, per_hour: int) -> list[Output]:
    """Scored posts in event order, a watermark each thousand."""
    rng = random.Random(7)
    names = [f"brand {number}" for number in range(topics)]
    weights = [1 / (rank + 10) for rank in range(topics)]
    chosen = rng.choices(names, weights, k=posts)
    made = []
    for number, topic in enumerate(chosen):
        created = START_MS + number * 3_600_000 // per_hour
        record = scored(number, topic, created, rng)
        made.append(Output("scores", topic_key(NAMESPACE, topic), encode(record)))
        if number % 1_000 == 999:
            mark = encode(Watermark(NAMESPACE, 0, 1, created))
            made.append(Output("scores", None, mark, partition=ALL_PARTITIONS))
    return made


def server_cpu_s(store: Store) -> float:
    (info,) = store.client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


class _OneStream:
    def epoch(self, stream: str) -> str:
        return "bench"

    def partitions(self, stream: str) -> int:
        return 1


def measured(work: Any, posts: int, topics: int, store: Store) -> dict[str, float]:
    server, cpu, wall = server_cpu_s(store), time.process_time(), time.perf_counter()
    work()
    server, cpu = server_cpu_s(store) - server, time.process_time() - cpu
    wall = time.perf_counter() - wall
    figures = {
        "topics": topics,
        "posts": posts,
        "posts_per_cpu_second": round(posts / cpu),
        "server_cpu_us_per_post": round(server / posts * 1e6, 1),
        "posts_per_second_wall": round(posts / wall),
    }
    print(figures, flush=True)
    return figures


def in_memory(posts: int, topics: int, server: ValkeyServer) -> dict[str, float]:
    """The stage alone, its records at hand."""
    store = server.open()
    store.client.call("FLUSHALL")
    stage = AggregationStage(store, _OneStream(), Options("scores"))  # type: ignore[arg-type]
    stage.assigned([0])
    records = [
        Record("scores", 0, offset, output.key, output.value, 0)
        for offset, output in enumerate(outputs(posts, topics, 500 * topics))
    ]

    def work() -> None:
        ticked = time.monotonic()
        for first in range(0, len(records), BATCH):
            batch = records[first : first + BATCH]
            stage.submit(batch).result()
            if time.monotonic() - ticked >= 1.0:
                ticked = time.monotonic()
                stage.tick()
                stage.flush({0: batch[-1].offset + 1})
        stage.flush({0: len(records)})

    figures = measured(work, posts, topics, store)
    store.close()
    return figures


def on_kafka(posts: int, topics: int, server: ValkeyServer, streams: Streams) -> dict[str, float]:
    """Behind a worker on a real broker."""
    store = server.open()
    store.client.call("FLUSHALL")
    name = f"scores-{uuid.uuid4().hex[:8]}"
    streams.create_streams({name: 1, "dead-letters": 1})  # type: ignore[attr-defined]
    producer = streams.producer()
    made = outputs(posts, topics, 500 * topics)
    for output in made:
        producer.send(Output(name, output.key, output.value, output.partition))
    producer.flush(60.0)
    producer.close()
    stage = AggregationStage(store, streams, Options(name))
    limits = Limits(batch_size=BATCH, commit_interval_s=1.0)
    worker = Worker(stage, streams, group=name, dead_letters="dead-letters", limits=limits)
    while not worker.step(0.1):
        pass  # joining the group

    def work() -> None:
        while worker.step(0.1) or worker.busy:
            pass
        worker.drain()

    figures = measured(work, posts, topics, store)
    worker.close()
    store.close()
    return figures


def memory_bytes(store: Store) -> dict[str, int]:
    """Of one topic, by kind of key."""
    sizes: dict[str, int] = {}
    for key in set(store.client.scan("ut:{bench/*")):
        kind = key.decode().split("}:")[1].split(":")
        name = ":".join(kind[:-1]) if len(kind) > 1 else kind[0]
        sizes[name] = sizes.get(name, 0) + store.client.call("MEMORY", "USAGE", key)
    return dict(sorted(sizes.items()))


def a_day(posts: int, server: ValkeyServer) -> dict[str, Any]:
    """One topic's memory at the end of a day of `posts` posts."""
    store = server.open()
    store.client.call("FLUSHALL")
    stage = AggregationStage(store, _OneStream(), Options("scores", live=NAMESPACE))  # type: ignore[arg-type]
    stage.assigned([0])
    rng = random.Random(5)
    step = 86_400_000 // posts
    for first in range(0, posts, 360):
        numbers: Sequence[int] = range(first, min(first + 360, posts))
        records = [
            Record("scores", 0, n, b"", encode(scored(n, "brand", START_MS + n * step, rng)), 0)
            for n in numbers
        ]
        records[-1] = Record(
            "scores",
            0,
            numbers[-1],
            b"",
            encode(Watermark(NAMESPACE, 0, 1, START_MS + numbers[-1] * step)),
            0,
        )
        stage.submit(records).result()
        stage.flush({0: numbers[-1] + 1})
    stage.settle()
    sizes = memory_bytes(store)
    store.close()
    figures = {"posts": posts, "bytes": sum(sizes.values()), "by_kind": sizes}
    print(figures, flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("posts", nargs="?", type=int, default=100_000)
    parser.add_argument("--kafka", action="store_true")
    options = parser.parse_args()
    server = ValkeyServer().start()
    try:
        if options.kafka:
            speed = _kafka_speeds(options.posts, server)
        else:
            speed = [in_memory(options.posts, topics, server) for topics in (10, 1_000, 10_000)]
        days = [a_day(8_640, server), a_day(100, server)]
    finally:
        server.stop()
    print(json.dumps({"bench": "aggregation", "kafka": options.kafka, "speed": speed, "day": days}))


def _kafka_speeds(posts: int, server: ValkeyServer) -> list[dict[str, float]]:
    from services.stream.driver import open_streams
    from tests.servers.kafka import KafkaServer

    kafka = KafkaServer().start()
    try:
        streams = open_streams(kafka.url)
        return [on_kafka(posts, topics, server, streams) for topics in (10, 1_000, 10_000)]
    finally:
        kafka.stop()


if __name__ == "__main__":
    main()
