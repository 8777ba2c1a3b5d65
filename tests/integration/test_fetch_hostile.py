"""The hostile list: what strangers' URLs may try, against real local servers.

127.0.0.1 plays the public internet (allowed by the test's policy); 127.0.0.2 is a
private address, where a canary counts whoever comes by. Nobody ever does.
"""

from __future__ import annotations

import contextlib
import gzip
import ipaddress
import multiprocessing
import resource
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from services.ingest.fetch import Fetcher, Limits
from services.ingest.pictures import BadPicture, normalise
from services.net import Policy, lookup
from tests.simulators import hostile
from tests.simulators.pictures import PictureServer, answer

pytestmark = pytest.mark.integration

TOTAL_S = 3.0
LOCAL = (ipaddress.ip_network("127.0.0.1/32"),)
NAMES = {
    "pictures.test": ["127.0.0.1"],
    "inside.test": ["127.0.0.2"],
    "both.test": ["127.0.0.1", "127.0.0.2"],
    "mapped.test": ["::ffff:127.0.0.2"],
    "metadata.test": ["169.254.169.254"],
}


class Names:
    """A resolver of our own for test names, the system's for everything else."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.turns = iter([["127.0.0.1"], ["127.0.0.2"]])

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host == "rebinding.test":
            return next(self.turns)
        return NAMES[host] if host in NAMES else lookup(host, port)


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer() as running:
        running.routes["/good.jpg"] = hostile.picture()
        yield running


@pytest.fixture
def canary() -> Iterator[PictureServer]:
    with PictureServer("127.0.0.2") as running:
        yield running
        assert running.connections == 0, "somebody reached a private address"


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def fetcher(names: Names) -> Iterator[Fetcher]:
    policy = Policy(allow=LOCAL, ports=None, resolver=names)
    running = Fetcher(policy, Limits(total_s=TOTAL_S, read_s=1.0))
    yield running
    running.close()


def reason(fetcher: Fetcher, url: str) -> str:
    """Why the URL gives no picture, after checking what the attempt cost."""
    before_kb, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    (outcome,) = fetcher.fetch_many([url])
    assert time.monotonic() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100 << 10
    assert outcome.jpeg is None
    return outcome.reason


def test_an_honest_picture_comes_back_as_jpeg(server: PictureServer, fetcher: Fetcher) -> None:
    (outcome,) = fetcher.fetch_many([server.url("/good.jpg")])
    assert outcome.jpeg is not None
    assert outcome.jpeg.startswith(b"\xff\xd8\xff")
    assert outcome.reason == ""


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "2130706434",
        "0177.0.0.2",
        "0x7f000002",
        "0x7f.0.0.2",
        "127.2",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[::1]",
        "[::127.0.0.2]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "localhost.",
        "①②⑦.⓪.⓪.②",
        "inside.test",
        "both.test",
        "mapped.test",
        "metadata.test",
    ],
)
def test_private_addresses_are_refused(
    host: str, fetcher: Fetcher, canary: PictureServer, names: Names
) -> None:
    if host == "localhost.":
        NAMES["localhost"] = ["127.0.0.2"]
    assert reason(fetcher, f"http://{host}:{canary.port}/a.jpg") == "private_address"


def test_a_name_is_resolved_once_so_that_rebinding_has_no_second_chance(
    server: PictureServer, fetcher: Fetcher, canary: PictureServer, names: Names
) -> None:
    (outcome,) = fetcher.fetch_many([server.url("/good.jpg", "rebinding.test")])
    assert outcome.jpeg is not None
    assert names.asked == ["rebinding.test"]
    server.routes["/again"] = answer(
        b"", "302 Found", location=canary.url("/", "rebinding.test"), connection="close"
    )
    assert reason(fetcher, server.url("/again")) == "private_address"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://127.0.0.2:{port}/", "private_address"),
        ("//inside.test:{port}/", "private_address"),
        ("http://0x7f000002:{port}/", "private_address"),
        ("file:///etc/passwd", "scheme_refused"),
        ("gopher://127.0.0.2:{port}/", "scheme_refused"),
        ("http://user:secret@pictures.test/", "credentials_in_url"),
        ("http://pictures.test\\@127.0.0.2:{port}/", "bad_url"),
        ("/loop", "too_many_redirects"),
    ],
)
def test_redirects_are_checked_again(
    location: str, expected: str, server: PictureServer, fetcher: Fetcher, canary: PictureServer
) -> None:
    location = location.format(port=canary.port)
    server.routes["/loop"] = answer(b"", "302 Found", location=location)
    assert reason(fetcher, server.url("/loop")) == expected
    if expected == "too_many_redirects":
        assert len(server.requests) == 4


def slowly(server: PictureServer, head: bytes, drip: bytes) -> Callable[[socket.socket], None]:
    """A route that keeps the connection just alive enough for no single read to time out."""

    def route(connection: socket.socket) -> None:
        connection.sendall(head)
        while not server.stopped:
            connection.sendall(drip)
            time.sleep(0.1)

    return route


def test_slow_loris(server: PictureServer, fetcher: Fetcher) -> None:
    start = answer(hostile.picture(), content_length="500000")[:200]
    server.routes["/body.jpg"] = slowly(server, start, b"x")
    server.routes["/head.jpg"] = slowly(server, b"HTTP/1.1 200 OK\r\nX-A: ", b"a")
    server.routes["/mute.jpg"] = slowly(server, b"", b"")
    started = time.monotonic()
    outcomes = fetcher.fetch_many([server.url(path) for path in server.routes if path[1] in "bhm"])
    assert [outcome.reason for outcome in outcomes] == ["timeout"] * 3
    assert time.monotonic() - started < TOTAL_S + 1


def test_endless_body(server: PictureServer, fetcher: Fetcher) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + hostile.picture())
        while not server.stopped:
            connection.sendall(bytes(65536))

    server.routes["/endless.jpg"] = endless
    assert reason(fetcher, server.url("/endless.jpg")) == "too_large"


def test_endless_header(server: PictureServer, fetcher: Fetcher) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
        while not server.stopped:
            connection.sendall(b"a" * 65536)

    server.routes["/header.jpg"] = endless
    assert reason(fetcher, server.url("/header.jpg")) == "protocol_error"


def test_content_length_lies(server: PictureServer, fetcher: Fetcher) -> None:
    good = hostile.picture()
    server.routes["/announced.jpg"] = answer(good, content_length=str(1 << 40))
    assert reason(fetcher, server.url("/announced.jpg")) == "too_large"

    def cut(connection: socket.socket) -> None:
        connection.sendall(answer(good, content_length="100000"))

    server.routes["/cut.jpg"] = cut
    assert reason(fetcher, server.url("/cut.jpg")) == "protocol_error"


def test_gzip_bomb(server: PictureServer, fetcher: Fetcher) -> None:
    zeros = gzip.compress(bytes(100 << 20))
    server.routes["/zeros.jpg"] = answer(zeros, content_encoding="gzip")
    assert reason(fetcher, server.url("/zeros.jpg")) == "too_large"
    behind = gzip.compress(hostile.picture() + bytes(100 << 20))
    server.routes["/behind.jpg"] = answer(behind, content_encoding="gzip")
    assert reason(fetcher, server.url("/behind.jpg")) == "too_large"
    server.routes["/br.jpg"] = answer(b"x" * 100, content_encoding="br")
    assert reason(fetcher, server.url("/br.jpg")) == "encoding_refused"


def test_gzip_of_an_honest_picture_is_read(server: PictureServer, fetcher: Fetcher) -> None:
    body = gzip.compress(hostile.picture(form="PNG"))
    server.routes["/zipped.png"] = answer(body, content_encoding="gzip")
    (outcome,) = fetcher.fetch_many([server.url("/zipped.png")])
    assert outcome.jpeg is not None


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (hostile.png_bomb, "too_many_pixels"),
        (lambda: hostile.png(30_000, 30_000), "too_many_pixels"),
        (hostile.png_text_bomb, "broken_picture"),
        (hostile.gif_bomb, "too_many_pixels"),
        (lambda: hostile.gif_of_many_frames(), None),
        (hostile.webp_bomb, "too_many_pixels"),
        (hostile.jpeg_header, "too_many_pixels"),
        (lambda: hostile.picture()[:1500], "broken_picture"),
        (lambda: hostile.picture(form="PNG")[:300], "broken_picture"),
        (lambda: hostile.picture(form="WEBP")[:100], "broken_picture"),
        (lambda: hostile.GIF_SCRIPT, "not_a_picture"),
        (lambda: hostile.SVG, "not_a_picture"),
        (lambda: hostile.HTML, "not_a_picture"),
        (lambda: b"", "not_a_picture"),
    ],
    ids=[
        "png bomb",
        "png header",
        "png comment",
        "gif bomb",
        "gif frames",
        "webp bomb",
        "jpeg header",
        "truncated jpeg",
        "truncated png",
        "truncated webp",
        "polyglot",
        "svg",
        "html",
        "empty",
    ],
)
def test_hostile_pictures(
    make: Callable[[], bytes], expected: str | None, server: PictureServer, fetcher: Fetcher
) -> None:
    server.routes["/a.jpg"] = make()
    if expected is None:  # one frame of many is an honest picture
        assert fetcher.fetch_many([server.url("/a.jpg")])[0].jpeg is not None
    else:
        assert reason(fetcher, server.url("/a.jpg")) == expected


def test_a_picture_with_a_passenger_comes_out_without_it(
    server: PictureServer, fetcher: Fetcher
) -> None:
    for width in (640, 32):  # the small one could have been kept as it is
        url = server.url(f"/{width}.jpg")
        body = hostile.picture(width, width) + b"PK\x03\x04" + hostile.HTML + b"\xff\xd9"
        server.routes[f"/{width}.jpg"] = body
        (outcome,) = fetcher.fetch_many([url])
        assert outcome.jpeg is not None
        assert b"onerror" not in outcome.jpeg
        assert b"PK\x03\x04" not in outcome.jpeg


def _peak_mb(data: bytes) -> float:
    """Memory that the decoding takes at most, in a process that has done nothing else."""
    normalise(hostile.picture())
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(BadPicture):
        normalise(data, anew=True)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "mode", "width", "height", "options"),
    [
        ("PNG", "RGBA", 4000, 4000, {}),
        ("PNG", "I;16", 4000, 4000, {}),
        ("PNG", "LA", 4000, 4000, {}),
        ("GIF", "P", 4000, 4000, {}),
        ("JPEG", "RGB", 4000, 4000, {"progressive": True}),
        ("JPEG", "RGB", 7000, 7000, {"progressive": True}),
        ("JPEG", "CMYK", 7000, 7000, {}),
        ("JPEG", "CMYK", 4000, 4000, {"progressive": True}),
        ("WEBP", "RGBA", 3000, 2000, {"lossless": True}),
        ("WEBP", "RGBA", 4000, 4000, {"lossless": True}),
    ],
)
def test_no_picture_takes_a_hundred_megabytes(
    form: str, mode: str, width: int, height: int, options: dict[str, bool]
) -> None:
    out = BytesIO()
    Image.new(mode, (width, height)).save(out, form, **options)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        assert alone.submit(_peak_mb, out.getvalue()).result() < 100
