"""The inference hop in a thread; its streams can be written and recounted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from models.tokenizer import Tokenizer
from services.inference.stage import InferenceStage, Options
from services.inference.triton import TritonClassifier
from services.records import Picture, Scored, decode, encode
from services.stream.attempts import Backoff
from services.stream.memory import MemoryStreams
from services.stream.port import Output, Record, Streams
from services.stream.worker import Limits, Worker
from tests.servers import onnx_files
from tests.unit.inference.helpers import jpeg, post

PARTITIONS = 2
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]"), *(f"w{n}" for n in range(20)), *"abcdefghij"
]  # fmt: skip
POISON = VOCABULARY[onnx_files.POISON]
POSTS, BATCH = 240, 16
PICTURES = [Picture(jpeg((shade, 60, 200 - shade))) for shade in range(0, 200, 10)]


class Hop:
    """A worker in a thread, on two partitions; its streams can be written and recounted."""

    def __init__(
        self,
        address: str,
        deadline_s: float = 5.0,
        streams: Streams | None = None,
        prefix: str = "",
    ) -> None:
        self.streams = streams or MemoryStreams(PARTITIONS, capacity=100_000, tail=100_000)
        self._prefix = prefix
        self.classifier = TritonClassifier(address, deadline_s=deadline_s)
        self.stage = InferenceStage(
            self.classifier,
            Tokenizer(VOCABULARY),
            Options(
                prefix + "posts",
                prefix + "scores",
                in_flight=4,
                max_pairs=8,
                cache_size=0,
                live=None,
            ),
            partitions=lambda: PARTITIONS,
            clock_ms=lambda: time.time_ns() // 1_000_000,
        )
        self.worker = Worker(
            self.stage,
            self.streams,
            group=prefix + "inference",
            dead_letters=prefix + "dead",
            limits=Limits(batch_size=BATCH, commit_interval_s=0.05),
            backoff=Backoff(first_s=0.05, cap_s=0.5),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.worker.run, args=(self._stop,))
        self._thread.start()

    def send(
        self, first: int, last: int, text: Callable[[int], str] = lambda n: f"w{n % 9}"
    ) -> None:
        producer = self.streams.producer()
        for n in range(first, last):
            made = post(n, text(n), pictures=(PICTURES[n % len(PICTURES)],))
            producer.send(Output(self._prefix + "posts", made.id.encode(), encode(made)))
        producer.flush(5)

    def scored(self) -> list[Scored]:
        """As they were written."""
        values = [decode(r.value) for r in self._read("scores")]
        return [value for value in values if isinstance(value, Scored)]

    def ids(self) -> list[str]:
        return [one.id for one in self.scored()]

    def dead(self) -> int:
        return len(self._read("dead"))

    def _read(self, stream: str) -> Sequence[Record]:
        name = self._prefix + stream
        ends = self.streams.ends(name)
        return [r for p, end in ends.items() for r in self.streams.read(name, p, 0, end)]

    def wait(self, condition: Callable[[], bool], within_s: float = 40) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert self._thread.is_alive(), "the worker ended"
            assert time.monotonic() < deadline, f"not within {within_s} s: {self.worker.health()}"
            time.sleep(0.02)

    def complete(self, count: int) -> None:
        """Every post is there once, and in the order of its partition."""
        self.wait(lambda: len(self.ids()) + self.dead() >= count)
        time.sleep(0.2)
        assert [i for i, n in Counter(self.ids()).items() if n > 1] == []
        assert len(self.ids()) + self.dead() == count
        for partition in range(PARTITIONS):
            offsets = [one.offset for one in self.scored() if one.partition == partition]
            assert offsets == sorted(offsets)
        self.wait(lambda: bool(self.worker.health()["healthy"]))

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
