"""What the benchmarks of inference run: plain loops, and the hop between its streams."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread

import numpy as np
import pyarrow.parquet as pq

from models.tokenizer import Tokenizer
from services.inference.classifier import Batch, Classifier, Verdicts
from services.inference.pictures import pixels
from services.inference.stage import InferenceStage, Options
from services.pipeline import SCORES_COMMIT_S
from services.records import Picture, Post, Scored, decode, encode
from services.stream.kafka import KafkaStreams
from services.stream.memory import MemoryStreams
from services.stream.port import Output, Record, Result, Stage, Streams
from services.stream.worker import Limits, Worker
from tests.bench.processor_time import Meter

PARTITIONS = 4
TOKENIZER = Tokenizer.load()
NO_METER = Meter({})


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of the sweep."""

    batch: int = 32
    wait_ms: int = 0
    in_flight: int = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """What a run measured. Latencies in seconds, of batches for a loop, of posts for the hop."""

    posts_per_s: float
    p50_s: float
    p99_s: float
    spent_ms: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds of processor time a post, by process; while the posts were scored."""


def posts(data: Path, count: int) -> list[Post]:
    """`count` posts with one real picture and text each, no two alike up to 3,900."""
    table = pq.read_table(
        data / "mvsa_single" / "train.parquet", columns=["id", "text", "image"]
    ).to_pylist()
    rows = itertools.islice(itertools.cycle(table), count)
    return [
        Post(f"bench:{n}", "bench", "x", n, n, row["text"], ("topic",), lang="en",
             pictures=(Picture(row["image"]),))
        for n, row in enumerate(rows)
    ]  # fmt: skip


def ready(posts: Sequence[Post]) -> Batch:
    """Their pictures decoded, their texts tokenised."""
    images = np.stack([pixels(post.pictures[0].jpeg or b"") for post in posts])
    tokens = TOKENIZER.encode_batch([post.text for post in posts])
    return Batch(images, np.ones((len(posts), 1), np.float32), tokens)


def asked(classifier: Classifier, posts: Sequence[Post]) -> float:
    """Seconds until the networks have answered, from the posts as they come."""
    start = time.perf_counter()
    classifier.submit(ready(posts)).result()
    return time.perf_counter() - start


def plain_loop(
    classifier: Classifier, given: Sequence[Post], setting: Setting, meter: Meter = NO_METER
) -> Figure:
    """The ceiling: decode, tokenise, ask, `in_flight` batches at once; no streams, no records."""

    batches = [given[i : i + setting.batch] for i in range(0, len(given), setting.batch)]
    with ThreadPoolExecutor(setting.in_flight) as pool:
        meter.start()
        start = time.perf_counter()
        took = list(pool.map(partial(asked, classifier), batches))
        rate = len(given) / (time.perf_counter() - start)
        meter.stop()
        return _figure(rate, took, meter, len(given))


def through_memory(classifier: Classifier, given: Sequence[Post], setting: Setting) -> Figure:
    """The hop as embedded mode steps it: one thread fills the stream and drives the worker."""
    streams = MemoryStreams(1, capacity=len(given) + 1, tail=2 * len(given))
    worker = _worker(streams, _stage(_Kept(classifier), setting), setting)
    worker.step()  # opens its consumer
    start = time.perf_counter()
    producer = streams.producer()
    for at in range(0, len(given), setting.batch):
        for post in given[at : at + setting.batch]:
            producer.send(Output("posts", post.id.encode(), encode(post)))
        worker.step()
    worker.run_dry()
    rate = len(given) / (time.perf_counter() - start)
    return _figure(rate, [s - a for a, s in _times(streams, len(given)).values()])


def through_kafka(
    url: str,
    classifier: Classifier,
    given: Sequence[Post],
    setting: Setting,
    *,
    rate: float | None = None,
    meter: Meter = NO_METER,
) -> Figure:
    """The hop from Kafka to Kafka; a backlog, or `rate` posts a second.

    Throughput counts as the plain loop's does, from when the first batch is
    handed to the stage until the last score is written: joining the group is not
    in it, filling the pipeline and emptying it are.
    """
    streams = KafkaStreams([url.removeprefix("kafka://")], text_streams=())
    name = f"bench-{time.time_ns()}-"
    streams.create_streams({name + "posts": PARTITIONS, name + "scores": PARTITIONS})
    try:
        warm = given[: setting.batch] if rate else given
        _send(streams, name, warm, None)
        kept = _Kept(classifier, meter, len(given))
        stage = _stage(kept, setting, name)
        with _running(_worker(streams, stage, setting, name)):
            if rate:
                _wait(streams, name, len(warm))
                _send(streams, name, given[len(warm) :], rate)
            _wait(streams, name, len(given))
        times = list(_times(streams, len(given), name).values())[len(warm) if rate else 0 :]
    finally:
        streams.close()
    took_s = max(scored for _, scored in times) - stage.began_s
    return _figure(len(given) / took_s, [s - a for a, s in times], meter, len(given))


class _Stage(InferenceStage):
    """The hop's own, which notes when its first batch came, in Unix seconds."""

    began_s = 0.0

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        self.began_s = self.began_s or time.time()
        return super().submit(records)


def _stage(classifier: Classifier, setting: Setting, name: str = "") -> _Stage:
    options = Options(
        name + "posts", name + "scores", setting.in_flight, setting.batch, cache_size=0, live=None
    )
    return _Stage(classifier, TOKENIZER, options, partitions=lambda: PARTITIONS, clock_ms=_now_ms)


def _worker(streams: Streams, stage: Stage, setting: Setting, name: str = "") -> Worker:
    return Worker(
        stage,
        streams,
        group=name + "inference",
        dead_letters=name + "dead-letters",
        limits=Limits(setting.batch, setting.wait_ms / 1000, SCORES_COMMIT_S if name else 0.1),
    )


class _Kept:
    """A classifier that several stages use after each other: closing is the owner's.

    `meter` runs from the first batch submitted to the last of `count` posts answered.
    """

    def __init__(self, classifier: Classifier, meter: Meter = NO_METER, count: int = 0) -> None:
        self._classifier, self._meter, self._left = classifier, meter, count
        self.check = classifier.check
        self._began = False
        self._lock = Lock()

    def submit(self, batch: Batch) -> Future[Verdicts]:
        with self._lock:
            if not self._began:
                self._began = True
                self._meter.start()
        future = self._classifier.submit(batch)
        future.add_done_callback(lambda _: self._answered(len(batch)))
        return future

    def _answered(self, posts: int) -> None:
        with self._lock:
            self._left -= posts
            if self._left == 0:
                self._meter.stop()

    def close(self) -> None: ...


@contextmanager
def _running(worker: Worker) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _send(streams: Streams, name: str, given: Sequence[Post], rate: float | None) -> None:
    producer = streams.producer()
    start = time.perf_counter()
    for number, post in enumerate(given):
        if rate and (early := start + number / rate - time.perf_counter()) > 0:
            time.sleep(early)
        producer.send(Output(name + "posts", post.id.encode(), encode(post)))
    producer.flush(30)
    producer.close()


def _wait(streams: Streams, name: str, count: int, within_s: float = 300) -> None:
    """Until so many posts are scored. Looks seldom: it runs on the cores that are measured."""
    deadline = time.monotonic() + within_s
    while (
        sum(streams.ends(name + "scores").values()) < count or len(_scored(streams, name)) < count
    ):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count} posts are not scored within {within_s} s")
        time.sleep(1.0)


def _times(streams: Streams, count: int, name: str = "") -> dict[str, tuple[float, float]]:
    """Per post, in their order: when it was appended to `posts`, and to `scores`."""
    arrived = {
        decode(r.value).id: r.timestamp_ms / 1000  # type: ignore[union-attr]
        for r in _all(streams, name + "posts")
    }
    scored = _scored(streams, name)
    return {
        key: (arrived[key], scored[key])
        for key in (f"bench:{n}" for n in range(count))
        if key in scored
    }


def _scored(streams: Streams, name: str) -> dict[str, float]:
    """Per post, when its score was appended."""
    return {
        value.id: r.timestamp_ms / 1000
        for r in _all(streams, name + "scores")
        if isinstance(value := decode(r.value), Scored)
    }


def _all(streams: Streams, name: str) -> Iterator:  # type: ignore[type-arg]
    for partition, end in streams.ends(name).items():
        yield from streams.read(name, partition, 0, end)


def _figure(rate: float, took: Sequence[float], meter: Meter = NO_METER, count: int = 1) -> Figure:
    p50, p99 = np.percentile(took, [50, 99])
    spent = {name: 1000 * seconds / count for name, seconds in meter.spent_s.items()}
    return Figure(rate, float(p50), float(p99), spent)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
