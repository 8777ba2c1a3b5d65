"""A web server that stands for Slack, Discord and others: it answers as a test tells it to."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.simulators.web import Handler, WebServer


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


class Hook(WebServer):
    """`answers` are used up in order, then it answers 200."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.asked: list[Asked] = []
        self._answers = list(answers)

    def url(self, path: str = "/services/T0/B0/secret-path", host: str = "127.0.0.1") -> str:
        return self.origin(host) + path

    def next_answer(self) -> Answer:
        return self._answers.pop(0) if self._answers else Answer()

    def handler(self) -> type[Handler]:
        return type("Bound", (_Handler,), {"hook": self})


class _Handler(Handler):
    hook: Hook

    def do_POST(self) -> None:
        fields = {name.lower(): value for name, value in self.headers.items()}
        self.hook.asked.append(Asked(self.path, fields, self.body()))
        answer = self.hook.next_answer()
        if answer.way == "answer":
            self.answer(answer.status, answer.body, **answer.headers)
        elif answer.way == "drip":
            self._drip()
        else:
            if answer.way == "hang":
                self.hook.over.wait(30)
            self.connection.shutdown(socket.SHUT_RDWR)

    def _drip(self) -> None:
        """A header that never ends, faster than any single read would give up."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.hook.over.wait(0.05):
            self.wfile.write(b"a")
