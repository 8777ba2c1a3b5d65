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
    assert time.monotonic() - started < TOTAL_S + 1


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
