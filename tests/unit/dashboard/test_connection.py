"""Readers that connect and say nothing, or too slowly, are let go; so are too many of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from services.dashboard import connection, login
from services.dashboard.app import Options
from services.dashboard.backend import Backend
from services.dashboard.server import Address, DashboardServer
from services.errors import Unavailable
from services.store.client import Client
from services.store.store import Store

HEAD_S = 0.4
ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def away() -> None:
    raise Unavailable("store", "nobody is there")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DashboardServer]:
    monkeypatch.setattr(connection, "HEAD_S", HEAD_S)
    backend = Backend(Store(Client(away)), live="live", clock_ms=lambda: 0)  # type: ignore[arg-type]
    made = DashboardServer(backend, Address("127.0.0.1", 0), Options(token="a long enough token"))
    yield made
    made.close()


def connect(server: DashboardServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def is_answered(line: socket.socket) -> bool:
    line.sendall(ASK)
    found = b""
    while not found.endswith(b"}\n"):
        part = line.recv(65_536)
        if not part:
            return False
        found += part
    return found.startswith(b"HTTP/1.1 200")


def is_ended(line: socket.socket) -> bool:
    line.settimeout(0.1)
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def seconds_until_ended(line: socket.socket, sent: bytes = b"", every_s: float = 0.05) -> float:
    """Send byte by byte until the server hangs up."""
    begun = time.monotonic()
    line.settimeout(every_s)
    for number in range(200):
        try:
            if line.recv(1) == b"":
                break
        except TimeoutError:
            line.sendall(sent[number : number + 1])
        except ConnectionResetError:
            break
    return time.monotonic() - begun


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"y" * 200])
def test_who_says_too_little_is_let_go(server: DashboardServer, said: bytes) -> None:
    with connect(server) as line:
        assert HEAD_S / 2 < seconds_until_ended(line, said) < 10 * HEAD_S


def test_a_later_request_is_as_quick(server: DashboardServer) -> None:
    with connect(server) as line:
        assert is_answered(line)
        time.sleep(2 * HEAD_S)  # nothing is asked, so nothing is late
        assert is_answered(line)
        assert seconds_until_ended(line, b"GET /" + b"y" * 200) < 10 * HEAD_S


def test_the_idle_give_way(server: DashboardServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "most", lambda: 3)
    monkeypatch.setattr(connection, "HEAD_S", 60.0)
    lines = [connect(server) for _ in range(6)]
    try:
        assert is_answered(lines[-1])
        assert sum(is_ended(line) for line in lines[:-1]) == 3
    finally:
        for line in lines:
            line.close()


def test_a_head_has_an_end(server: DashboardServer) -> None:
    with connect(server) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"y" * 70_000)
        assert line.recv(65_536).startswith(b"HTTP/1.1 400")


def test_a_form_that_never_comes_is_not_awaited(
    server: DashboardServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "FORM_S", HEAD_S)
    head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\ntoken="
    with connect(server) as line:
        line.sendall(head)
        assert line.recv(65_536).startswith(b"HTTP/1.1 401")
