"""What the hop says of itself, and what it keeps of a batch that waits to be written."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import Future
from queue import Queue

import numpy as np
import pytest
from prometheus_client import REGISTRY

from models.tokenizer import Tokenizer
from services.inference import pairs
from services.inference.classifier import Batch, Verdicts
from services.inference.pictures import pixels
from services.inference.stage import InferenceStage, Options
from services.records import encode
from services.stream.memory import MemoryStreams
from services.stream.port import Output
from services.stream.worker import Limits, Worker
from tests.unit.inference.helpers import VOCABULARY, Told, answer, post, record

NOW_MS = 1_700_000_000_000


class Held(Told):
    """Answers when it is told to, and keeps no batch itself."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Queue[tuple[Future[Verdicts], Verdicts]] = Queue()

    def submit(self, batch: Batch) -> Future[Verdicts]:
        future: Future[Verdicts] = Future()
        self.asked.put((future, Verdicts(answer(batch))))
        return future


class Hop:
    """A worker on memory streams whose records came at NOW_MS; it is `late_ms` later."""

    def __init__(self, classifier: Told) -> None:
        self.late_ms = 0
        self.streams = MemoryStreams(tail=100, clock_ms=lambda: NOW_MS)
        options = Options("posts", "scores", in_flight=2, max_pairs=8, live=None)
        self.stage = InferenceStage(
            classifier,
            Tokenizer(VOCABULARY),
            options,
            partitions=lambda: 1,
            clock_ms=lambda: NOW_MS + self.late_ms,
        )
        limits = Limits(batch_size=2, commit_interval_s=0.0)
        self.worker = Worker(
            self.stage, self.streams, group="g", dead_letters="dead", limits=limits
        )
        self.worker.step()

    def send(self, *numbers: int) -> None:
        for number in numbers:
            self.streams.producer().send(Output("posts", None, encode(post(number))))


class Grown:
    """How much each of `samples` (name and labels) has grown since."""

    def __init__(self, *samples: tuple[str, dict[str, str]]) -> None:
        self._samples = samples
        self._before = self._now()

    def _now(self) -> list[float]:
        return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in self._samples]

    def __call__(self) -> list[float]:
        return [now - before for now, before in zip(self._now(), self._before, strict=True)]


STAGE = {"stage": "inference"}
SCORED = (("undertone_scored_seconds_count", {}), ("undertone_scored_seconds_sum", {}))


def test_batches_waits_pairs_cache_and_latency_are_counted() -> None:
    grown = Grown(
        ("undertone_batch_records_count", STAGE),
        ("undertone_batch_records_sum", STAGE),
        ("undertone_stage_seconds_count", STAGE),
        ("undertone_batch_wait_seconds_count", {}),
        ("undertone_batch_wait_seconds_sum", {}),
        ("undertone_inference_pairs_sum", {}),
        ("undertone_score_cache_total", {"outcome": "miss"}),
        ("undertone_score_cache_total", {"outcome": "hit"}),
        ("undertone_score_cache_total", {"outcome": "same_batch"}),
        *SCORED,
    )
    hop = Hop(Told())
    hop.late_ms = 500
    for numbers in ((1, 1), (1, 2)):  # the same content in one batch, and in a later one
        hop.send(*numbers)
        hop.worker.run_dry()
    hop.worker.close()
    assert grown() == pytest.approx([2, 4, 2, 2, 1.0, 2, 2, 1, 1, 4, 2.0])


def test_batches_in_flight_are_counted_until_they_are_written() -> None:
    held = Held()
    hop = Hop(held)
    hop.send(1, 2, 3)
    hop.worker.step()
    hop.worker.step()
    in_flight = Grown(("undertone_batches_in_flight", STAGE))
    most = hop.worker.health()["in_flight"]
    for _ in range(2):
        future, verdicts = held.asked.get(timeout=10)
        future.set_result(verdicts)
    hop.worker.run_dry()
    assert (most, hop.worker.health()["in_flight"], in_flight()) == (2, 0, [-2])
    hop.worker.close()


def test_latency_ends_when_the_score_is_written_not_when_it_is_made() -> None:
    """A post that waits behind an older batch waits for its score."""
    hop = Hop(Told())
    grown = Grown(*SCORED)
    result = hop.stage.submit([record(post(1)), record(post(2))]).result(10)
    assert grown() == [0, 0]
    hop.late_ms = 7_000
    result.written()
    assert grown() == pytest.approx([2, 14.0])
    hop.worker.close()


def test_a_batch_that_waits_to_be_written_keeps_no_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[weakref.ref[object]] = []

    def watched(jpeg: bytes) -> np.ndarray:
        made = pixels(jpeg).copy()
        decoded.append(weakref.ref(made))
        return made

    monkeypatch.setattr(pairs, "pixels", watched)
    held = Held()
    hop = Hop(held)
    future = hop.stage.submit([record(post(1), 0), record(post(2), 1)])
    asked, verdicts = held.asked.get(timeout=10)
    alive = [made() is not None for made in decoded]
    asked.set_result(verdicts)
    assert future.result(10).outputs
    gc.collect()
    assert alive == [True, True]
    assert [made() for made in decoded] == [None, None]
    hop.worker.close()
