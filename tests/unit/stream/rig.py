"""A worker on memory streams, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.stream.attempts import Backoff
from services.stream.memory import MemoryStreams
from services.stream.port import Output
from services.stream.worker import Limits, Worker
from tests.unit.stream.stages import FakeStage


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Rig:
    """A worker over `in`, writing to `out`, on a clock that stands until told."""

    def __init__(
        self,
        stage: FakeStage,
        partitions: int = 1,
        limits: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.streams = MemoryStreams(partitions, tail=10_000)
        self.stage = stage
        merged = {"batch_size": 4, "commit_interval_s": 0.0} | (limits or {})
        self.worker = Worker(
            stage,
            self.streams,
            group="g",
            dead_letters="dead",
            limits=Limits(**merged),
            backoff=Backoff(first_s=1.0, cap_s=8.0, jitter=0.0),
            clock=self.clock,
            sleep=self.clock.sleep,
            **options,
        )
        self.worker.step()

    def put(self, *values: str, partition: int = 0) -> None:
        producer = self.streams.producer()
        for value in values:
            producer.send(Output("in", None, value.encode(), partition))

    def texts(self, stream: str = "out") -> list[str]:
        found = []
        for partition, end in self.streams.ends(stream).items():
            for record in self.streams.read(stream, partition, 0, end):
                found.append((record.value or b"").decode())
        return found

    def committed(self) -> Mapping[int, int]:
        return self.streams.committed("in", "g")
