"""The inference hop while its server misbehaves: nothing lost, nothing twice, in order.

The worker and the stage are the real ones, on streams in memory; Triton is real,
with small random networks; the way to it goes through a proxy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.records import Picture, encode
from services.stream.port import Output
from tests.conftest import missing
from tests.integration.inference_hop import POISON, POSTS, Hop
from tests.servers import onnx_files
from tests.servers.local import ServerMissing
from tests.servers.proxy import Proxy
from tests.servers.triton import Triton
from tests.unit.inference.helpers import post

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return onnx_files.write(tmp_path_factory.mktemp("onnx"), fault="poison")


@pytest.fixture
def server(artifacts: Path) -> Iterator[Triton]:
    try:
        made = Triton(artifacts)
    except ServerMissing as error:
        missing(f"no Triton: {error}")
    with made:
        yield made


@pytest.fixture
def proxy(server: Triton) -> Iterator[Proxy]:
    between = Proxy(server.url)
    yield between
    between.close()


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
    with server.supervised():
        hop.complete(POSTS)


def test_connections_that_are_cut_again_and_again(hop: Hop, proxy: Proxy, server: Triton) -> None:
    hop.send(8, POSTS)
    with server.supervised():
        for _ in range(4):
            time.sleep(0.15)
            proxy.cut()
        hop.complete(POSTS)


def test_a_worker_that_is_told_to_stop_while_triton_hangs_stops_in_time(server: Triton) -> None:
    """Within what container platforms grant; what was in flight is read again by the next."""
    between = Proxy(server.url)
    hop = Hop(between.url, deadline_s=30)
    hop.send(0, 8)
    hop.wait(lambda: len(hop.ids()) == 8)
    between.frozen = True
    hop.send(8, POSTS)
    hop.wait(lambda: hop.worker.health()["in_flight"] == 4)
    start = time.monotonic()
    hop.close()
    assert time.monotonic() - start < 12
    assert sum(hop.streams.committed("posts", "inference").values()) == 8
    between.close()


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
