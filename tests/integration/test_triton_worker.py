"""The inference hop while its server misbehaves: nothing lost, nothing twice, in order.

The worker and the stage are the real ones, on streams in memory; Triton is real,
with small random networks; the way to it goes through a proxy.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.tokenizer import Tokenizer
from services.inference.stage import InferenceStage, Options
from services.inference.triton import TritonClassifier
from services.records import Picture, Scored, decode, encode
from services.stream.attempts import Backoff
from services.stream.memory import MemoryStreams
from services.stream.port import Output
from services.stream.worker import Limits, Worker
from tests.conftest import missing
from tests.servers import onnx_files
from tests.servers.proxy import Proxy
from tests.servers.triton import Triton, TritonMissing
from tests.unit.inference.helpers import jpeg, post

pytestmark = pytest.mark.integration

VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]"), *(f"w{n}" for n in range(20)), *"abcdefghij"
]  # fmt: skip
POISON = VOCABULARY[onnx_files.POISON]
POSTS, BATCH = 240, 16
PICTURES = [Picture(jpeg((shade, 60, 200 - shade))) for shade in range(0, 200, 10)]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_files.write(tmp_path_factory.mktemp("onnx"), fault="poison")


@pytest.fixture
def server(artifacts: Path) -> Iterator[Triton]:
    try:
        made = Triton(artifacts)
    except TritonMissing as error:
        missing(f"no Triton: {error}")
    with made:
        yield made


@pytest.fixture
def proxy(server: Triton) -> Iterator[Proxy]:
    between = Proxy(server.url)
    yield between
    between.close()


class Hop:
    """A worker in a thread, on two partitions; its streams can be written and recounted."""

    def __init__(self, address: str, deadline_s: float = 5.0) -> None:
        self.streams = MemoryStreams(2, capacity=100_000, tail=100_000)
        self.classifier = TritonClassifier(address, deadline_s=deadline_s)
        self.stage = InferenceStage(
            self.classifier,
            Tokenizer(VOCABULARY),
            Options("posts", "scores", in_flight=4, max_pairs=8, cache_size=0, live=None),
            partitions=lambda: 2,
            clock_ms=lambda: time.time_ns() // 1_000_000,
        )
        self.worker = Worker(
            self.stage,
            self.streams,
            group="inference",
            dead_letters="dead",
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
            producer.send(Output("posts", made.id.encode(), encode(made)))
        producer.flush(5)

    def ids(self) -> list[str]:
        """Of the scored posts, as they were written."""
        values = [decode(r.value) for p in range(2) for r in self._read("scores", p)]
        return [value.id for value in values if isinstance(value, Scored)]

    def scored(self) -> list[Scored]:
        values = [decode(r.value) for p in range(2) for r in self._read("scores", p)]
        return [value for value in values if isinstance(value, Scored)]

    def dead(self) -> int:
        return sum(len(self._read("dead", p)) for p in range(2))

    def _read(self, stream: str, partition: int) -> list:  # type: ignore[type-arg]
        end = self.streams.ends(stream)[partition]
        return list(self.streams.read(stream, partition, 0, end))

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
        for partition in range(2):
            offsets = [one.offset for one in self.scored() if one.partition == partition]
            assert offsets == sorted(offsets)
        self.wait(lambda: bool(self.worker.health()["healthy"]))

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def hop(proxy: Proxy) -> Iterator[Hop]:
    made = Hop(proxy.url)
    made.send(0, 8)
    made.wait(lambda: len(made.ids()) == 8)
    yield made
    made.close()


def test_a_server_killed_in_mid_batch_and_started_again(hop: Hop, server: Triton) -> None:
    hop.send(8, POSTS)
    hop.wait(lambda: len(hop.ids()) > 40)
    server.kill()
    hop.wait(lambda: not hop.worker.health()["healthy"])
    assert "triton" in str(hop.worker.health()["reason"])
    server.start()
    hop.complete(POSTS)


def test_a_server_that_takes_ten_seconds(server: Triton) -> None:
    between = Proxy(server.url)
    hop = Hop(between.url, deadline_s=1.0)
    hop.send(0, 8)
    hop.wait(lambda: len(hop.ids()) == 8)
    between.delay_s = 10
    hop.send(8, POSTS)
    hop.wait(lambda: not hop.worker.health()["healthy"])
    between.delay_s = 0
    hop.complete(POSTS)
    hop.close()
    between.close()


def test_a_server_that_refuses(hop: Hop, proxy: Proxy, server: Triton) -> None:
    hop.send(8, POSTS // 2)
    hop.wait(lambda: len(hop.ids()) > 40)
    with proxy.refusing():
        hop.send(POSTS // 2, POSTS)
        hop.wait(lambda: not hop.worker.health()["healthy"])
        time.sleep(1)
    server.revive()
    hop.complete(POSTS)


def test_connections_that_are_cut_again_and_again(hop: Hop, proxy: Proxy, server: Triton) -> None:
    hop.send(8, POSTS)
    for _ in range(4):
        time.sleep(0.15)
        proxy.cut()
        server.revive()
    hop.complete(POSTS)


def test_poisonous_posts_are_found_and_the_others_get_through(hop: Hop) -> None:
    poisonous = {30, 31, 77, 150}
    hop.send(8, POSTS, lambda n: f"w1 {POISON}" if n in poisonous else f"w{n % 9} w3")
    hop.complete(POSTS)
    assert hop.dead() == len(poisonous)
    assert {f"x:{n}" for n in poisonous}.isdisjoint(hop.ids())


def test_garbage_for_a_picture_is_masked(hop: Hop) -> None:
    producer = hop.streams.producer()
    broken = post(8, "w1", pictures=(Picture(b"\xff\xd8 no picture"),))
    producer.send(Output("posts", b"x:8", encode(broken)))
    hop.complete(9)
    (one,) = [one for one in hop.scored() if one.id == "x:8"]
    assert (one.has_image, one.masked_reason) == (False, "undecodable_picture")


@pytest.mark.parametrize("fault", ["nan", "shapes"])
def test_networks_that_answer_nonsense_hold_the_stream_until_they_are_mended(
    tmp_path: Path, artifacts: Path, fault: str
) -> None:
    broken = Triton(onnx_files.write(tmp_path, fault=fault))
    with broken:
        hop = Hop(broken.url)
        hop.send(0, POSTS)
        hop.wait(lambda: not hop.worker.health()["healthy"])
        time.sleep(1)
        assert (hop.ids(), hop.dead()) == ([], 0)
        broken.kill()
        for name in ("dmlanet", "rnnca"):
            link = broken.repository / name / "1/model.onnx"
            link.unlink()
            link.symlink_to(artifacts / f"{name}.onnx")
        broken.start()
        hop.complete(POSTS)
        hop.close()
