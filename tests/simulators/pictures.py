"""A picture host that can misbehave in every way a socket allows.

A route is bytes (served as a proper 200) or a function that gets the open
socket and writes what it likes. Every connection and request is counted, so
that a test can say that nobody came.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType

Route = bytes | Callable[[socket.socket], None]


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A whole response; `content_type="image/png"` becomes the field Content-Type."""
    fields = {"content_length": str(len(body)), "content_type": "image/jpeg"} | headers
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


class PictureServer:
    """Serves on `address` and any free port, a thread per connection, until the `with` ends."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self._tls = tls
        self._stop = threading.Event()
        self._listener = socket.create_server((address, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def url(self, path: str, host: str = "pictures.test") -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    @property
    def stopped(self) -> bool:
        """For routes that never end by themselves."""
        return self._stop.is_set()

    def __enter__(self) -> PictureServer:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        with socket.socket() as last:  # wakes the accepting thread
            last.connect(self._listener.getsockname())
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stop.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            while not self._stop.is_set() and self._one(connection):
                pass
        except (OSError, ValueError):
            pass  # the client left, as it should when it has seen enough
        finally:
            connection.close()

    def _one(self, connection: socket.socket) -> bool:
        """Serve one request; whether the connection stays open for another."""
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = connection.recv(65536)
            if not chunk:
                return False
            head += chunk
        first, *lines = head.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        path = first.split(" ")[1]
        fields = dict(line.lower().split(": ", 1) for line in lines)
        self.requests.append((path, fields))
        route = self.routes.get(path, answer(b"nothing here", "404 Not Found"))
        if callable(route):
            route(connection)
            return False
        connection.sendall(route if route.startswith(b"HTTP/") else answer(route))
        return True
