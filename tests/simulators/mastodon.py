"""A Mastodon server of one timeline: streaming over a websocket, the same by REST, faults too.

Faults (once each, in order): drop, stall, http_503 and http_429 (the next
handshake), garbage, duplicate, reorder (a message comes behind the next). The
websocket sends only what is posted while it is open; what was posted before must
be asked for, as in life. Its ids hold no cursor that could be clamped.
"""

from __future__ import annotations

import json
import queue
import random
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from tests.simulators.listening import Listening, head


def status(number: int, written_ms: int, host: str = "here.test", text: str = "") -> dict[str, Any]:
    """A status whose id holds its time, as Mastodon makes them."""
    ident = str((written_ms << 16) + number % 65_536)
    chance = random.Random(number)
    words = text or f"a {chance.choice(['great', 'broken', 'new'])} acme number {number}"
    return {
        "id": ident,
        "uri": f"https://{host}/users/someone{number}/statuses/{ident}",
        "url": f"https://{host}/@someone{number}/{ident}",
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(written_ms / 1000))
        + f".{written_ms % 1000:03d}Z",
        "content": f"<p>{words}</p>",
        "spoiler_text": "",
        "language": "en",
        "account": {"acct": f"someone{number}", "url": f"https://{host}/@someone{number}"},
        "media_attachments": [],
    }


class MastodonServer(Listening):
    """Serves until the `with` ends; `token` is the one it accepts."""

    def __init__(self, token: str = "secret") -> None:
        self.token = token
        self.faults: list[str] = []
        self.statuses: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.open: list[queue.SimpleQueue[bytes | None]] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ending(self) -> None:
        with self._lock:
            for waiting in self.open:
                waiting.put(None)

    def post(self, statuses: Iterable[dict[str, Any]]) -> None:
        """New statuses: into the timeline, and to whoever listens now."""
        for found in statuses:
            self.send("update", json.dumps(found))
            with self._lock:
                self.statuses.append(found)

    def send(self, event: str, payload: str) -> None:
        message = json.dumps({"stream": ["public"], "event": event, "payload": payload}).encode()
        with self._lock:
            for waiting in self.open:
                waiting.put(message)

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        while not self.over.is_set() and self._one(connection):
            pass

    def _one(self, connection: socket.socket) -> bool:
        asked = head(connection)
        if not asked:
            return False
        path = asked.split(b" ")[1].decode()
        self.requests.append(path)
        if f"authorization: bearer {self.token}".encode() not in asked.lower():
            connection.sendall(_http(401, b"{}"))
        elif "/streaming" in path:
            self._stream(connection, asked)
            return False
        else:
            connection.sendall(_http(200, self._timeline(parse_qs(urlsplit(path).query))))
        return True

    def _timeline(self, query: dict[str, list[str]]) -> bytes:
        """The page just after `min_id`, or just before `max_id`; newest first."""
        limit = int(query["limit"][0])
        after, before = (int(query.get(name, ["0"])[0]) for name in ("min_id", "max_id"))
        with self._lock:
            found = sorted(
                (s for s in self.statuses if after < _id(s) < (before or 1 << 62)), key=_id
            )
        return json.dumps((found[-limit:] if before else found[:limit])[::-1]).encode()

    def _stream(self, connection: socket.socket, asked: bytes) -> None:
        fault = self.faults.pop(0) if self.faults and self.faults[0].startswith("http_") else ""
        if fault:
            connection.sendall(_http(int(fault.removeprefix("http_")), b"{}"))
            return
        protocol = ServerProtocol()
        protocol.receive_data(asked)
        (request,) = protocol.events_received()
        protocol.send_response(protocol.accept(request))
        waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with self._lock:
            self.open.append(waiting)
        for out in protocol.data_to_send():
            connection.sendall(out)
        try:
            while (message := waiting.get()) is not None:
                if self._due("reorder"):
                    later, message = message, waiting.get()
                    if message is None:
                        return
                    self._send(connection, message)
                    message = later
                self._send(connection, message)
        finally:
            with self._lock:
                self.open.remove(waiting)

    def _due(self, kind: str) -> bool:
        """Whether that fault is due; it is taken then."""
        due = bool(self.faults) and self.faults[0] == kind
        if due:
            self.faults.pop(0)
        return due

    def _send(self, connection: socket.socket, message: bytes) -> None:
        fault = (
            self.faults.pop(0)
            if self.faults and not self.faults[0].startswith(("http", "reorder"))
            else ""
        )
        data = bytes(Frame(Opcode.TEXT, message).serialize(mask=False))
        if fault == "drop":
            connection.sendall(data[:-3])
            raise ConnectionAbortedError
        if fault == "stall":
            connection.settimeout(10)
            while connection.recv(65536):
                pass
            raise ConnectionAbortedError
        if fault == "garbage":
            connection.sendall(bytes(Frame(Opcode.TEXT, b'{"event": "upd').serialize(mask=False)))
        connection.sendall(data * 2 if fault == "duplicate" else data)


def _http(code: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (code, len(body)) + body


def _id(found: dict[str, Any]) -> int:
    return int(found["id"])
