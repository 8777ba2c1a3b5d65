"""A picture host that can misbehave in every way a socket allows.

A route is bytes (served as a proper 200) or a function that gets the open
socket and writes what it likes. Every connection and request is counted, so
that a test can say that nobody came.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

from tests.simulators.listening import Listening, head

Route = bytes | Callable[[socket.socket], None]


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A whole response; `content_type="image/png"` becomes the field Content-Type."""
    fields = {"content_length": str(len(body)), "content_type": "image/jpeg"} | headers
    lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


class PictureServer(Listening):
    """Serves on `address` and any free port, a thread per connection, until the `with` ends."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.address, self._tls = address, tls

    def url(self, path: str, host: str = "pictures.test") -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        try:
            while not self.over.is_set() and self._one(connection):
                pass
        except ValueError:
            pass  # no request that we know how to read
        finally:
            connection.close()

    def _one(self, connection: socket.socket) -> bool:
        """Serve one request; whether the connection stays open for another."""
        asked = head(connection)
        if not asked:
            return False
        first, *lines = asked.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        path = first.split(" ")[1]
        fields = dict(line.lower().split(": ", 1) for line in lines)
        self.requests.append((path, fields))
        route = self.routes.get(path, answer(b"nothing here", "404 Not Found"))
        if callable(route):
            route(connection)
            return False
        connection.sendall(route if route.startswith(b"HTTP/") else answer(route))
        return True
