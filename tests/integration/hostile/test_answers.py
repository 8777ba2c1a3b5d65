"""Strangers' servers cost a bounded time and memory, whatever they answer."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable

import pytest

from services.ingest.fetch import Fetcher
from tests.integration.hostile.conftest import TOTAL_S, reason
from tests.simulators import hostile
from tests.simulators.pictures import PictureServer, answer

pytestmark = pytest.mark.integration


def slowly(server: PictureServer, head: bytes, drip: bytes) -> Callable[[socket.socket], None]:
    """A route that keeps the connection just alive enough for no single read to time out."""

    def route(connection: socket.socket) -> None:
        connection.sendall(head)
        while not server.over.is_set():
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
    assert time.monotonic() - started < 2 * TOTAL_S, "one after the other"


def test_endless_body(server: PictureServer, fetcher: Fetcher) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + hostile.picture())
        while not server.over.is_set():
            connection.sendall(bytes(65536))

    server.routes["/endless.jpg"] = endless
    assert reason(fetcher, server.url("/endless.jpg")) == "too_large"


def test_endless_header(server: PictureServer, fetcher: Fetcher) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
        while not server.over.is_set():
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


HEADS = {
    "redirect to a half address": b"302 Found\r\nLocation: http://[",
    "redirect to what NFKC forbids": "302 Found\r\nLocation: http://a\u2100b/".encode(),
    "redirect to bytes": b"302 Found\r\nLocation: http://\xff\x80/",
    "redirect to nothing": b"302 Found\r\nLocation: ",
    "redirect to a port that is none": b"302 Found\r\nLocation: http://pictures.test:99999/",
    "redirect to a megabyte": b"302 Found\r\nLocation: /" + b"a" * 90_000,
    "redirect to a script": b"302 Found\r\nLocation: javascript:alert(1)",
    "wait for a superscript": b"429 Slow\r\nRetry-After: \xb2",
    "wait for ever": b"503 Busy\r\nRetry-After: " + b"9" * 5_000,
    "length in superscript": b"200 OK\r\nContent-Length: \xb2",
    "length of thousands of digits": b"200 OK\r\nContent-Length: " + b"9" * 5_000,
    "two lengths": b"200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
    "negative length": b"200 OK\r\nContent-Length: -1",
    "strange encoding": b"200 OK\r\nContent-Encoding: gzip, \xff",
    "strange status": b"999 \xff\xfe",
    "no status": b"00 no",
    "switching": b"101 Switching\r\nUpgrade: x\r\nConnection: upgrade",
    "chunk without end": b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5_000,
    "negative chunk": b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc",
    "NUL in a name": b"200 OK\r\nX\0: 1",
}


def test_whatever_a_head_says_the_fetcher_goes_on(server: PictureServer, fetcher: Fetcher) -> None:
    def route(head: bytes) -> Callable[[socket.socket], None]:
        return lambda connection: connection.sendall(b"HTTP/1.1 " + head + b"\r\n\r\n")

    paths = {name: f"/{number}.jpg" for number, name in enumerate(HEADS)}
    server.routes |= {paths[name]: route(head) for name, head in HEADS.items()}
    urls = [server.url(path) for path in paths.values()]
    reasons = {n: o.reason for n, o in zip(paths, fetcher.fetch_many(urls), strict=True)}
    assert all(reasons.values()), reasons
    assert reasons["redirect to a half address"] == "bad_redirect"
    assert reasons["wait for a superscript"] == "rate_limited"
    (good,) = fetcher.fetch_many([server.url("/good.jpg", "127.0.0.1")])
    assert good.jpeg is not None


def test_an_address_of_a_megabyte_is_refused_at_once(fetcher: Fetcher) -> None:
    started = time.process_time()
    urls = ["http://" * 100_000, "http://a/media_attachments/files/1" * 30_000, "http://a/\ud800"]
    assert [outcome.reason for outcome in fetcher.fetch_many(urls)] == ["bad_url"] * 3
    assert time.process_time() - started < 1.0
