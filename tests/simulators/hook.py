"""A web server that stands for Slack, Discord and others: it answers as a test tells it to."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Literal


@dataclass(frozen=True)
class Asked:
    """A request as it came in; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the server does: answer, say nothing, hang up, or send a letter at a time."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    way: Literal["answer", "hang", "close", "drip"] = "answer"


class Hook:
    """Listens until closed. `answers` are used up in order, then it answers 200."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers)
        self._over = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._scheme = "http" if tls is None else "https"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/services/T0/B0/secret-path", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def next_answer(self) -> Answer:
        return self._answers.pop(0) if self._answers else Answer()

    def wait(self, seconds: float) -> bool:
        """Whether the server was closed meanwhile."""
        return self._over.wait(seconds)

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Hook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _handler(hook: Hook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            if isinstance(self.request, ssl.SSLSocket):
                try:
                    self.request.do_handshake()
                except OSError:  # a client that does not trust us hangs up
                    self.request.close()
            super().setup()

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                pass

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            fields = {name.lower(): value for name, value in self.headers.items()}
            hook.asked.append(Asked(self.path, fields, self.rfile.read(length)))
            answer = hook.next_answer()
            if answer.way == "hang":
                hook.wait(30)
            if answer.way in ("hang", "close"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if answer.way == "drip":
                self._drip()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def _drip(self) -> None:
            """A header that never ends, faster than any single read would give up."""
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not hook.wait(0.05):
                self.wfile.write(b"a")

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
