"""What the spine itself costs: an embedded replay with the networks taken out.

Posts per second of processor time, ours and Valkey's, without pictures and with
pictures that are already normalised; and the share of each step. Then each hop
by itself on Kafka and Valkey.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from models.signature import IMAGE_SIZE, SENTIMENT
from services import pipeline
from services.inference import pairs
from services.inference.classifier import Batch, Verdicts
from services.ingest.replay import ReplayOptions, open_replay
from services.ingest.worker import IngestWorker, Streamed
from services.replay import Request, Watch, replay
from services.settings import Settings
from services.store import Store, open_store
from services.stream.worker import Worker
from services.topics import load_topics
from tests.e2e.product import write_archive
from tests.servers.kafka import KafkaServer
from tests.servers.valkey import ValkeyServer

POSTS = 20_000
BLANK = np.zeros((IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)


class Taken:
    """The networks, taken out: the same answer to everything, made beforehand."""

    def __init__(self) -> None:
        self._one = {t.name: np.full((1, *t.shape), 1 / 3, np.float32) for t in SENTIMENT.outputs}

    def submit(self, batch: Batch) -> Future[Verdicts]:
        future: Future[Verdicts] = Future()
        future.set_result(
            Verdicts({n: np.repeat(a, len(batch), axis=0) for n, a in self._one.items()})
        )
        return future

    def check(self) -> None: ...

    def close(self) -> None: ...


def measure(folder: Path, *, pictures: bool, decoded: bool = True) -> dict[str, Any]:
    """One replay, by processor time: ours and Valkey's together.

    Not `decoded`: the networks are taken out together with what prepares a picture for them.
    """
    archive = write_archive(folder / "archive", POSTS)
    settings = Settings(data_dir=folder / "data", in_flight=1)
    shares: defaultdict[str, float] = defaultdict(float)
    restore = [
        _timed(IngestWorker, "step", lambda _: "ingest", shares),
        _timed(Worker, "step", lambda worker: worker._stage.name, shares),
        _timed(Worker, "run_dry", lambda worker: worker._stage.name, shares),
    ]
    pipeline.make_classifier = lambda _: Taken()
    if not decoded:
        original = pairs.pixels
        pairs.pixels = lambda _: BLANK
        restore.append(lambda: setattr(pairs, "pixels", original))
    request = Request(
        (archive,),
        archive.parent / "topics.yaml",
        media=archive.parent / "media" if pictures else None,
        namespace="bench",
    )
    store = open_store("embedded://", data_dir=settings.data_dir)  # keeps the server up
    theirs = _valkey_s(store)
    ours, wall = time.process_time(), time.perf_counter()
    watch = Watch(lambda *_: None, lambda: None, lambda _: None)
    outcome = replay(settings, request, Event(), watch)
    ours, wall = time.process_time() - ours, time.perf_counter() - wall
    theirs = _valkey_s(store) - theirs
    store.close()
    for undo in restore:
        undo()
    posts = outcome.counters.posts_matched
    return {
        "posts": posts,
        "posts_per_core_s": round(posts / (ours + theirs)),
        "wall_s": round(wall, 2),
        "valkey_cpu_share": round(theirs / (ours + theirs), 3),
        "shares": {n: round(s / sum(shares.values()), 3) for n, s in sorted(shares.items())},
    }


def _timed(
    kind: type[Any], method: str, name: Callable[[Any], str], into: dict[str, float]
) -> Callable[[], None]:
    """Count the thread's processor time of a method; returns what undoes it."""
    original = getattr(kind, method)
    depth = [0]

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        began = time.process_time()
        depth[0] += 1
        try:
            return original(self, *args, **kwargs)
        finally:
            depth[0] -= 1
            if depth[0] == 0:
                into[name(self)] += time.process_time() - began

    setattr(kind, method, wrapped)
    return lambda: setattr(kind, method, original)


def _valkey_s(store: Store) -> float:
    """Processor seconds that the server has used."""
    (cpu,) = store.client.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def hops(folder: Path, url: str, store: str, prefix: str, *, pictures: bool) -> dict[str, int]:
    """Posts per second of our own processor time, a hop at a time, on Kafka and Valkey."""
    archive = write_archive(folder / "archive", POSTS)
    settings = Settings(
        data_dir=folder / "data",
        streams_url=url,
        streams_prefix=prefix,
        store_url=store,
        classifier_url="grpc://none",
        batch_size=256,
    )
    names = pipeline.Names.of(settings)
    streams, opened = pipeline.make_streams(settings), pipeline.make_store(settings)
    streams.create_streams({names.posts: 6, names.scores: 6, names.dead_letters: 1})  # type: ignore[attr-defined]
    source = open_replay(
        ReplayOptions(
            (archive,), "bench", folder / "work", archive.parent / "media" if pictures else None
        ),
        load_topics(archive.parent / "topics.yaml"),
    )
    feeder = IngestWorker(
        source, streams, Streamed(names.posts, names.dead_letters), lambda _: None
    )
    found = {"ingest": _rate(lambda: feeder.done, feeder.step)}
    feeder.close()
    for name, worker in (
        ("inference", pipeline.inference_worker(settings, streams, Taken())),
        ("aggregation", pipeline.aggregation_worker(settings, streams, opened)),
    ):
        found[name] = _rate(_looking(worker), worker.step)
        worker.close()
    opened.close()
    streams.close()
    return found


def _looking(worker: Worker) -> Callable[[], bool]:
    """Whether it has committed everything, looked up twice a second and not on our time."""
    due = [time.monotonic() + 2]

    def through() -> bool:
        if time.monotonic() < due[0]:
            return False
        due[0] = time.monotonic() + 0.5
        return worker.behind() == 0

    return through


def _rate(done: Callable[[], bool], step: Callable[[float], bool]) -> int:
    began = time.process_time()
    while not done():
        step(0.25)
    return round(POSTS / (time.process_time() - began))


def _on_kafka() -> dict[str, dict[str, int]]:
    broker, store = KafkaServer().start(), ValkeyServer().start()
    try:
        found = {}
        for name, pictures in (("without_pictures", False), ("with_pictures", True)):
            with tempfile.TemporaryDirectory(prefix="undertone-bench-") as folder:
                found[name] = hops(
                    Path(folder), broker.url, store.url, f"{name}.", pictures=pictures
                )
        return found
    finally:
        broker.stop()
        store.stop()


def main() -> None:
    result: dict[str, Any] = {"bench": "spine", "hops_on_kafka_per_core_s": _on_kafka()}
    print(json.dumps(result))
    for name, pictures, decoded in (
        ("without_pictures", False, False),
        ("with_pictures", True, False),
        ("with_pictures_decoded", True, True),
    ):
        runs = []
        for _ in range(3):
            with tempfile.TemporaryDirectory(prefix="undertone-bench-") as folder:
                runs.append(measure(Path(folder), pictures=pictures, decoded=decoded))
        runs.sort(key=lambda run: run["posts_per_core_s"])
        result[name] = runs[1]
        print(name, json.dumps(runs[1]))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
