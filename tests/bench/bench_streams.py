"""Records a second through the streams: kafka-python alone, and the worker's own cost.

    python -m tests.bench.bench_streams [seconds' worth of small records, in thousands]

A real broker on this machine, its processor time beside the client's. Records
of 20 kB stand for posts with a picture, of 500 B for scored posts. The worker
runs a stage that hands every record on. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from services.stream.kafka import KafkaStreams
from services.stream.memory import MemoryStreams
from services.stream.port import Output, Record, Result, Streams
from services.stream.worker import Limits, Worker
from tests.servers.kafka import KafkaServer

SMALL, LARGE = 500, 20_000
PARTITIONS = 6
BATCH = 500
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Identity:
    """Hands every record on."""

    name, max_in_flight = "identity", 1

    def __init__(self, stream: str, out: str) -> None:
        self.stream, self._out = stream, out

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_result(Result([Output(self._out, r.key, r.value) for r in records]))
        return future

    def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        return {}

    def revoked(self, partitions: Sequence[int]) -> None: ...

    def tick(self) -> Sequence[Output]:
        return ()

    def flush(self, positions: Mapping[int, int]) -> None: ...

    def close(self) -> None: ...


class Meter:
    """Wall clock, our processor time, and the broker's."""

    def __init__(self, server: KafkaServer | None) -> None:
        self._pid = server.pid if server is not None else None

    def __call__(self, what: str, count: int, work: Callable[[], None]) -> dict[str, float]:
        broker, cpu, wall = self._broker_s(), time.process_time(), time.perf_counter()
        work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        broker = self._broker_s() - broker
        found = {
            "records": count,
            "per_s": round(count / wall),
            "per_core_s": round(count / cpu),
            "broker_cpu_s": round(broker, 2),
        }
        print(
            f"{what:46} {found['per_s']:>9,} /s   {found['per_core_s']:>9,} /s per core of ours"
            f"   broker {broker:5.2f} s of {wall:5.2f} s"
        )
        return found

    def _broker_s(self) -> float:
        if self._pid is None:
            return 0.0
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S


def outputs(stream: str, count: int, size: int) -> list[Output]:
    """Half of each record is noise, as pictures are; keys are those of 200 topics."""
    noise = os.urandom(size // 2)
    value = noise + b"undertone " * (size // 20)
    return [Output(stream, f"live/topic-{n % 200}".encode(), value) for n in range(count)]


def produce(streams: Streams, items: Sequence[Output]) -> None:
    producer = streams.producer()
    for start in range(0, len(items), BATCH):
        for item in items[start : start + BATCH]:
            producer.send(item)
        if start % (10 * BATCH) == 0:
            producer.flush(30)
    producer.flush(30)
    producer.close()


def consume(streams: Streams, stream: str, count: int) -> None:
    consumer = streams.consumer(stream, f"bench-{time.monotonic_ns()}")
    seen = 0
    while seen < count:
        seen += len(consumer.poll(BATCH, 0.5))
    consumer.close()


def work(streams: Streams, stream: str, out: str, count: int) -> None:
    limits = Limits(batch_size=BATCH, commit_interval_s=0.1)
    stage = Identity(stream, out)
    name = f"bench-{time.monotonic_ns()}"
    worker = Worker(stage, streams, group=name, dead_letters="dead", limits=limits)
    while sum(streams.ends(out).values()) < count:
        for _ in range(20):
            worker.step(0.2)
    worker.close()


def kafka(server: KafkaServer, small: int) -> dict[str, dict[str, float]]:
    streams, meter = KafkaStreams([server.address]), Meter(server)
    found = {}
    for size, count, kind in ((SMALL, small, "scores"), (LARGE, small // 5, "posts")):
        name, out = f"bench-{size}.{kind}", f"bench-{size}-out.{kind}"
        streams.create_streams({name: PARTITIONS, out: PARTITIONS})
        items = outputs(name, count, size)
        found[f"kafka_produce_{size}"] = meter(
            f"Kafka, producer, {size} B", count, lambda items=items: produce(streams, items)
        )
        found[f"kafka_consume_{size}"] = meter(
            f"Kafka, consumer, {size} B", count, lambda n=name, c=count: consume(streams, n, c)
        )
        found[f"kafka_worker_{size}"] = meter(
            f"Kafka, worker (in, identity, out), {size} B",
            count,
            lambda n=name, o=out, c=count: work(streams, n, o, c),
        )
    streams.close()
    return found


def memory(small: int) -> dict[str, dict[str, float]]:
    streams, meter = MemoryStreams(PARTITIONS, capacity=10 * small, tail=1), Meter(None)
    reader = streams.consumer("out", "bench")  # so that nothing is let go before its time
    reader.poll(1, 0)
    streams.consumer("in", "filler").poll(1, 0)
    items = outputs("in", small, SMALL)
    return {
        "memory_produce": meter("Memory, producer", small, lambda: produce(streams, items)),
        "memory_worker": meter(
            "Memory, worker (in, identity, out)", small, lambda: work(streams, "in", "out", small)
        ),
    }


def main() -> None:
    small = int(sys.argv[1]) * 1000 if len(sys.argv) > 1 else 100_000
    found = memory(small)
    server = KafkaServer().start()
    try:
        found |= kafka(server, small)
    finally:
        server.stop()
    print(json.dumps({"bench": "streams", "cores": os.cpu_count(), **found}))


if __name__ == "__main__":
    main()
