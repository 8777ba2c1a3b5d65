"""`undertone ingest` before real Kafka, killed while a simulator streams, and what arrived of it.

SOAK_POSTS=20000 makes it the long form.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import pytest

from services import pipeline
from services.inference.classifier import Batch, Verdicts
from services.records import Post, decode
from services.settings import Settings, load_settings
from services.settings.model import SECRETS
from services.store.reader import Reader
from services.stream.kafka import KafkaStreams
from services.stream.worker import Worker
from tests.conftest import ROOT
from tests.servers.kafka import KafkaServer
from tests.servers.valkey import ValkeyServer
from tests.unit.inference.helpers import Told, answer

POSTS = int(os.environ.get("SOAK_POSTS", "2000"))
PER_S = 250
"""Pace of the simulators."""
TOPICS = (
    "topics:\n  everything: {query: 'acme OR globex OR initech OR umbrella', text_only: true}\n"
)
UNDERTONE = Path(sys.executable).parent / "undertone"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Indifferent(Told):
    """A stand-in classifier for which everything is equally likely."""

    def submit(self, batch: Batch) -> Future[Verdicts]:
        outputs = answer(batch)
        for name in ("DMLANET_PROBS", "RNNCA_PROBS"):
            outputs[name][:] = 1 / 3
        future: Future[Verdicts] = Future()
        future.set_result(Verdicts(outputs))
        return future


class Ingest:
    """`undertone ingest` as a process that may be killed and started again."""

    def __init__(self, source: str, environment: dict[str, str], folder: Path) -> None:
        self._command = [sys.executable, "-m", "tests.e2e.hurried", "ingest", "--source", source]
        self._environment = os.environ | environment | {"PYTHONFAULTHANDLER": "1"}
        self._log = folder / "ingest.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """Its exit status; where it does not end, the test fails with what it was doing."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(10)
            pytest.fail(f"it does not stop:\n{self._log.read_text('utf-8', 'replace')[-8000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever happened, nothing runs on."""
        if self._process.poll() is None:
            self.kill()


@contextmanager
def deployment(
    kafka: KafkaServer, valkey: ValkeyServer, folder: Path, **extra: str
) -> Iterator[tuple[Settings, dict[str, str]]]:
    """Streams of our own on the shared broker: as settings, and as a process's environment."""
    topics = folder / "topics.yaml"
    topics.write_text(TOPICS)
    given = {
        "streams_url": f"kafka://{kafka.address}",
        "streams_prefix": f"soak{uuid.uuid4().hex[:6]}.",
        "store_url": valkey.url,
        "topics_file": str(topics),
        "media_fetch": "never",
    } | extra
    environment = {f"UNDERTONE_{name.upper()}": value for name, value in given.items()}
    subprocess.run(
        [UNDERTONE, "streams", "create", "--partitions", "3"],
        env=os.environ | environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    open_to_all = {name: value for name, value in given.items() if name not in SECRETS}
    yield load_settings(**open_to_all), environment


def in_kafka(settings: Settings) -> Counter[str]:
    """How often each post is on the stream."""
    found: Counter[str] = Counter()
    with closing(pipeline.make_streams(settings)) as streams:
        name = pipeline.Names.of(settings).posts
        for partition, end in streams.ends(name).items():
            for record in streams.read(name, partition, 0, end):
                post = decode(record.value)
                if isinstance(post, Post):
                    found[post.id] += 1
    return found


def counted(settings: Settings, wanted: int) -> int:
    """Posts that the aggregator counts, behind an inference hop with a stand-in classifier.

    Waits for the number that is wanted, and then for the rest of both streams: it may be too many.
    """
    with ExitStack() as stack:
        streams = stack.enter_context(closing(pipeline.make_streams(settings)))
        store = stack.enter_context(closing(pipeline.make_store(settings)))
        workers: list[Worker] = [
            pipeline.inference_worker(settings, streams, Indifferent()),
            pipeline.aggregation_worker(settings, streams, store),
        ]
        stop = threading.Event()
        threads = [threading.Thread(target=worker.run, args=(stop,)) for worker in workers]
        for thread in threads:
            thread.start()
        totals, until = Reader(store).totals, time.monotonic() + 120
        while time.monotonic() < until and not (
            totals(settings.namespace, "everything").sums.count >= wanted
            and is_through(settings, streams)
        ):
            time.sleep(0.2)
        stop.set()
        for thread in threads:
            thread.join(30)
        return totals(settings.namespace, "everything").sums.count


def is_through(settings: Settings, streams: KafkaStreams) -> bool:
    """Whether each hop has committed all that the one before it wrote."""
    names = pipeline.Names.of(settings)
    hops = (
        (names.posts, pipeline.inference_group(settings)),
        (names.scores, settings.streams_prefix + "aggregation"),
    )
    return all(not sum(streams.lag(stream, group).values()) for stream, group in hops)


def soak(
    ingest: Ingest, settings: Settings, feed: Callable[[], None], wanted: Callable[[], set[str]]
) -> None:
    """Feed, with two kills on the way; then everything has to be there."""
    feeding = threading.Thread(target=feed)
    feeding.start()
    for _ in range(2):
        time.sleep(POSTS / PER_S / 3)
        ingest.kill()
        time.sleep(1.0)
        ingest.start()
    feeding.join()
    until = time.monotonic() + 120
    while not (there := in_kafka(settings)).keys() >= wanted() and time.monotonic() < until:
        time.sleep(1.0)
    assert ingest.stop() == 0
    lost = sorted(wanted() - there.keys())
    assert not lost, f"{len(lost)} of {len(wanted())} are missing: {lost[:3]} … {lost[-3:]}"
    assert not there.keys() - wanted()
    assert counted(settings, len(wanted())) == len(wanted())


def paced(count: int, send: Callable[[int, int], None]) -> None:
    """Call `send(from, to)` so that PER_S go out each second, a tenth of a second at a time."""
    started, done = time.monotonic(), 0
    while done < count:
        due = min(count, int((time.monotonic() - started) * PER_S))
        if due > done:
            send(done, due)
            done = due
        time.sleep(0.1)


def every_few_seconds(faults: list[str], kinds: list[str], count: int) -> None:
    """One fault per three seconds of the pace; "drop http_429" is both, at a connection's end and
    at the next one's beginning."""
    for number in range(int(count / PER_S / 3)):
        time.sleep(3)
        faults += kinds[number % len(kinds)].split()


def with_faults(faults: list[str], kinds: list[str], send: Callable[[int, int], None]) -> None:
    trouble = threading.Thread(target=every_few_seconds, args=(faults, kinds, POSTS), daemon=True)
    trouble.start()
    paced(POSTS, send)


def await_that(reached: Callable[[], bool], most_s: float = 30.0) -> None:
    until = time.monotonic() + most_s
    while not reached():
        assert time.monotonic() < until, "the ingest hop never came"
        time.sleep(0.05)
