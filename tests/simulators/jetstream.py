"""A Jetstream that can be told to fail: the real websocket protocol over a log of events.

Several servers may share one `Log`, as Bluesky's hosts share one network, each
with a clock of its own. Faults are asked for by name and happen once each, in order:

    server.faults.append("stall")      # see FAULTS

Events come from a recording or from `generate`, which writes posts the way the
network does: thousands of likes and a few posts, some with pictures, some
quotes, reposts, replies, deletes and account events among them.
"""

from __future__ import annotations

import bisect
import json
import random
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from tests.simulators.listening import Listening

FAULTS = (
    "http_503",  # the next handshake is refused
    "http_429",
    "drop",  # the connection breaks in the middle of a message
    "stall",  # it stays open and nothing comes any more
    "duplicate",  # the last hundred messages come again
    "reorder",  # the next hundred come in another order
    "garbage",  # a message that is no JSON
    "close",  # a proper close frame
)


class Log:
    """Every event of the network, ordered by the time it was received (`time_us`)."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.events: list[tuple[str, bytes]] = []
        self.grown = threading.Condition()
        self.kept_from_us = 0
        """Older events are forgotten: a cursor before this is clamped, silently."""

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        with self.grown:
            for event in events:
                self.times.append(event["time_us"])
                collection = event.get("commit", {}).get("collection", "")
                self.events.append((collection, json.dumps(event, ensure_ascii=False).encode()))
            self.grown.notify_all()

    def start(self, cursor_us: int | None) -> int:
        """Where a subscription begins: at the cursor if it is kept, else at the oldest kept."""
        if cursor_us is None or (self.times and cursor_us > self.times[-1]):
            return len(self.events)
        return bisect.bisect_left(self.times, max(cursor_us, self.kept_from_us))


@dataclass
class JetstreamServer(Listening):
    """One host. `skew_us` is how far its clock is ahead; `pause_s` slows it down per message."""

    log: Log
    skew_us: int = 0
    pause_s: float = 0.0
    faults: list[str] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    sent: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        query = self._handshake(connection)
        if query is not None:
            self._send(connection, query)

    def _handshake(self, connection: socket.socket) -> dict[str, list[str]] | None:
        """Speak HTTP until the websocket is open; nothing where it was refused."""
        protocol = ServerProtocol()
        requests: list[Any] = []
        while not requests:
            data = connection.recv(65536)
            if not data:
                return None
            protocol.receive_data(data)
            requests = protocol.events_received()
        refused = self.faults and self.faults[0].startswith("http_")
        status = int(self.faults.pop(0).removeprefix("http_")) if refused else 0
        request = requests[0]
        answer = protocol.reject(status, "no\n") if refused else protocol.accept(request)
        protocol.send_response(answer)
        for out in protocol.data_to_send():
            connection.sendall(out)
        query = parse_qs(urlsplit(request.path).query)
        if refused:
            self.queries.append(query)
        return None if refused else query

    def _send(self, connection: socket.socket, query: dict[str, list[str]]) -> None:
        wanted = set(query.get("wantedCollections", []))
        cursor = int(query["cursor"][0]) - self.skew_us if "cursor" in query else None
        at = self.log.start(cursor)
        self.queries.append(query)  # whoever sees it may rely on getting what comes from now on
        while not self.over.is_set():
            with self.log.grown:
                self.log.grown.wait_for(lambda at=at: len(self.log.events) > at, 0.1)  # type: ignore[misc]
                batch = self.log.events[at : at + 100]
            at += len(batch)
            messages = [m for name, m in batch if not wanted or not name or name in wanted]
            for message in self._faulty(connection, [self._skewed(m) for m in messages]):
                connection.sendall(frame(message))
                self.sent += 1
                if self.pause_s:
                    time.sleep(self.pause_s)

    def _skewed(self, message: bytes) -> bytes:
        if not self.skew_us:
            return message
        event = json.loads(message)
        event["time_us"] += self.skew_us
        return json.dumps(event).encode()

    def _faulty(self, connection: socket.socket, messages: list[bytes]) -> Iterator[bytes]:
        """The messages, with the fault that is due in the midst of them."""
        fault = self.faults[0] if self.faults and messages else ""
        if not fault or fault.startswith("http_"):
            yield from messages
            return
        self.faults.pop(0)
        half = len(messages) // 2
        yield from messages[:half]
        if fault == "drop":
            connection.sendall(frame(messages[half])[:-3])
            raise ConnectionAbortedError
        if fault == "close":
            close = Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=False)
            connection.sendall(bytes(close))
            raise ConnectionAbortedError
        while fault == "stall" and not self.over.wait(0.05) and _open(connection):
            pass
        if fault == "stall":
            raise ConnectionAbortedError
        if fault == "garbage":
            yield b'{"did": "did:plc:broken", "time_us": 12, "kind": \xff'
        if fault == "duplicate":
            yield from messages[:half]
        rest = messages[half:]
        yield from random.sample(rest, len(rest)) if fault == "reorder" else rest


def frame(message: bytes) -> bytes:
    return bytes(Frame(Opcode.TEXT, message).serialize(mask=False))


def _open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(65536) != b""
    except BlockingIOError:
        return True
    finally:
        connection.setblocking(True)


WORDS = "the new phone is great love hate broken slow pretty finally again why never best"
BRANDS = ("acme", "globex", "initech", "umbrella")


def generate(
    count: int, *, start_us: int, step_us: int = 20_000, seed: int = 7
) -> Iterator[dict[str, Any]]:
    """`count` posts by many people, each naming a brand, with everything else around them."""
    chance = random.Random(seed)
    did = "did:plc:" + "a" * 24
    posts: list[tuple[str, str]] = []
    now_us = start_us
    for number in range(count):
        did = f"did:plc:{chance.randrange(36**6):024d}"
        key = f"3k{number:011d}"
        for _ in range(chance.randrange(3)):
            now_us += step_us // 8
            yield _commit(did, now_us, "app.bsky.feed.like", f"l{number}", {})
        now_us += step_us // 2
        posts.append((did, key))
        yield _commit(did, now_us, "app.bsky.feed.post", key, _post(chance, did, now_us, posts))
        if chance.random() < 0.05:
            _, uri_key = original = chance.choice(posts)
            uri = f"at://{original[0]}/app.bsky.feed.post/{uri_key}"
            record = {"createdAt": _iso(now_us), "subject": {"cid": "bafyx", "uri": uri}}
            now_us += step_us // 8
            yield _commit(did, now_us, "app.bsky.feed.repost", f"r{number}", record)


def delete(did: str, key: str, at_us: int) -> dict[str, Any]:
    """The event by which a post's author removes it."""
    commit = {"rev": "3", "operation": "delete", "collection": "app.bsky.feed.post", "rkey": key}
    return {"did": did, "time_us": at_us, "kind": "commit", "commit": commit}


def takedown(did: str, at_us: int, status: str = "takendown") -> dict[str, Any]:
    """The event by which a whole account goes."""
    account = {"active": False, "did": did, "seq": 1, "status": status, "time": _iso(at_us)}
    return {"did": did, "time_us": at_us, "kind": "account", "account": account}


def _commit(
    did: str, at_us: int, collection: str, key: str, record: dict[str, Any]
) -> dict[str, Any]:
    commit = {
        "rev": "3mptbypluud2a",
        "operation": "create",
        "collection": collection,
        "rkey": key,
        "record": {"$type": collection, **record},
        "cid": "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i",
    }
    return {"did": did, "time_us": at_us, "kind": "commit", "commit": commit}


def _post(
    chance: random.Random, did: str, at_us: int, posts: list[tuple[str, str]]
) -> dict[str, Any]:
    text = " ".join([*chance.choices(WORDS.split(), k=8), chance.choice(BRANDS)])
    record: dict[str, Any] = {"createdAt": _iso(at_us - 900_000), "langs": ["en"], "text": text}
    image = {
        "alt": "a gradient",
        "image": {
            "$type": "blob",
            "ref": {"$link": f"bafkrei{chance.randrange(10**12):052d}"},
            "mimeType": "image/jpeg",
            "size": 90_000,
        },
    }
    if chance.random() < 0.7:
        record["embed"] = {"$type": "app.bsky.embed.images", "images": [image]}
    return record


def _iso(at_us: int) -> str:
    seconds, micros = divmod(at_us, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{micros // 1000:03d}Z"
