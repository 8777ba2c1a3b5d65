"""Workers in threads on a real broker, and streams of their own for each test."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from services.errors import Unavailable
from services.stream.kafka import KafkaStreams
from services.stream.port import Output, Record, Result, Streams
from services.stream.worker import Limits, Worker
from tests.servers.kafka import KafkaServer
from tests.unit.stream.stages import FakeStage


def quick(server: KafkaServer, **options: float) -> KafkaStreams:
    """Streams that notice within seconds who is gone."""
    defaults = {"session_timeout_s": 3.0, "max_poll_interval_s": 6.0, "metadata_age_s": 1.0}
    return KafkaStreams([server.address], **(defaults | options))  # type: ignore[arg-type]


def fresh(streams: KafkaStreams, partitions: int = 4) -> str:
    """The prefix of four new streams."""
    prefix = f"w{uuid.uuid4().hex[:8]}."
    names = ("in", "out", "scores", "dead")
    streams.create_streams({prefix + name: partitions for name in names})
    return prefix


def fill(streams: Streams, stream: str, start: int, stop: int) -> None:
    producer = streams.producer()
    for number in range(start, stop):
        producer.send(Output(stream, str(number).encode(), str(number).encode()))
    producer.flush(20.0)
    producer.close()


def numbers(streams: Streams, stream: str) -> list[int]:
    return [
        int(record.value or b"-1")
        for partition, end in streams.ends(stream).items()
        for record in streams.read(stream, partition, 0, end)
    ]


def eventually(condition: Callable[[], object], timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with suppress(Unavailable):
            if condition():
                return
        time.sleep(0.1)
    raise AssertionError("it never came about")


class Running:
    """A worker in a thread, with streams of its own."""

    def __init__(self, streams: KafkaStreams, stage: FakeStage, prefix: str) -> None:
        stage.stream = prefix + "in"
        self.stage, self.error = stage, None
        limits = Limits(batch_size=20, commit_interval_s=0.1)
        self.worker = Worker(
            stage, streams, group=prefix + "g", dead_letters=prefix + "dead", limits=limits
        )
        self._streams = streams
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    error: BaseException | None

    def _run(self) -> None:
        try:
            self.worker.run(self._stop)
        except BaseException as error:
            self.error = error
        self._streams.close()

    @property
    def partitions(self) -> list[int]:
        return list(self.worker.health()["partitions"])

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive()
        assert self.error is None, self.error


def copying(prefix: str, delay_s: float = 0.0) -> Callable[[Sequence[Record]], Result]:
    def work(records: Sequence[Record]) -> Result:
        time.sleep(delay_s)
        return Result([Output(prefix + "out", r.key, r.value) for r in records])

    return work


@contextmanager
def running(*workers: Callable[[], Running]) -> Iterator[list[Running]]:
    started = [worker() for worker in workers]
    try:
        yield started
    finally:
        for one in started:
            one.stop()
