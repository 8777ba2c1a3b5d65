"""One live connection to Bluesky's Jetstream, kept alive over hosts that come and go.

Jetstream is public: a websocket that sends one JSON event per message, of the
collections asked for, from a cursor (microseconds of the server's clock) or
from now. A thread of its own reads ahead into a bounded buffer, so that
connecting and backing off never block whoever drains it; a full buffer stops
the reading, and TCP holds the server back.

What the protocol does not say aloud:
- `time_us` is nearly ordered, not strictly, so the cursor is rewound a little
  on every reconnect; and a host counts with its own clock, so it is rewound more
  on another host. Repeats are removed by id further on.
- A cursor older than what a host keeps is moved forward silently. The
  first event after a reconnect tells: if it is newer than the cursor asked for by
  more than the stream is ever quiet, what lies between is lost, a gap.
- A connection can be open and mute. Posts come many times a second,
  so silence is taken as failure.

Protocol: github.com/bluesky-social/jetstream, `/subscribe` (v1 wire format).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from services.ingest.gaps import Watch
from services.ingest.live import Backoff, Ended, Live, Message
from services.ingest.times import AHEAD_MS
from services.ingest.websocket import FAILURES, MAX_MESSAGE, cause_of, receive

PUBLIC_HOSTS = (
    "wss://jetstream2.us-east.bsky.network",
    "wss://jetstream1.us-east.bsky.network",
    "wss://jetstream2.us-west.bsky.network",
    "wss://jetstream1.us-west.bsky.network",
)
COLLECTIONS = ("app.bsky.feed.post", "app.bsky.feed.repost")
CHUNK = 512
"""Messages moved at once between the threads."""

_TIME_US = re.compile(rb'"time_us"\s*:\s*(\d{1,19})')


def time_us(message: bytes) -> int:
    """The server's time of an event without parsing the rest of it; 0 where there is none."""
    found = _TIME_US.search(message)
    return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times in seconds. `quiet_s` is how far two neighbouring events may lie apart."""

    rewind_s: float = 5.0
    rewind_elsewhere_s: float = 60.0
    quiet_s: float = 20.0
    silence_s: float = 30.0
    open_s: float = 10.0
    backoff: Backoff = field(default_factory=Backoff)
    buffered: int = 50_000


class JetstreamSocket:
    """Messages from whichever host delivers, starting at `cursor_us` (0: from now)."""

    def __init__(
        self,
        watch: Watch,
        *,
        cursor_us: int = 0,
        cursor_host: str = "",
        hosts: Sequence[str] = PUBLIC_HOSTS,
        collections: Sequence[str] = COLLECTIONS,
        tuning: Tuning | None = None,
    ) -> None:
        self._watch = watch
        self._hosts = tuple(hosts)
        self._collections = tuple(collections)
        self._tuning = tuning or Tuning()
        self._turn = self._hosts.index(cursor_host) if cursor_host in self._hosts else 0
        self._cursor_host = cursor_host
        self._newest_us = cursor_us
        self._cause = "restart" if cursor_us else ""
        self._socket: ClientConnection | None = None
        self._live = Live(
            watch,
            self._next_host,
            position=cursor_us,
            backoff=self._tuning.backoff,
            buffered=self._tuning.buffered,
        )
        self._live.start()

    @property
    def host(self) -> str:
        """The host that the newest messages came from."""
        return self._cursor_host

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """The next messages, each with its cursor; empty after `timeout_s` without any."""
        return self._live.take(most, timeout_s)

    def close(self) -> None:
        """End the connection; what is buffered and not taken comes again by the cursor."""
        self._live.stop()
        if self._socket is not None:
            self._socket.close()
        self._live.join()

    def _next_host(self) -> Ended:
        host = self._hosts[self._turn % len(self._hosts)]
        received, cause = self._session(host)
        self._cause = self._cause or cause
        self._turn += 1
        return Ended(received, cause)

    def _session(self, host: str) -> tuple[int, str]:
        """One connection, from handshake to its end: messages received and what ended it."""
        received, begun = 0, False
        try:
            with connect(
                self._url(host),
                compression=None,
                max_size=MAX_MESSAGE,
                open_timeout=self._tuning.open_s,
                close_timeout=1,
                ping_interval=None,
                max_queue=CHUNK,
            ) as socket:
                self._socket = socket
                self._watch.connected(host)
                self._newest_us = self._newest_us or self._watch.clock_ms() * 1000
                while not self._live.stopped.is_set():
                    chunk = self._chunk(socket)
                    if not begun:
                        begun = self._first(chunk, host)
                    received += len(chunk)
                    self._put(chunk)
        except TimeoutError:
            return received, "silent" if received else "no_answer"
        except FAILURES as error:
            return received, cause_of(error)
        return received, "closed"

    def _url(self, host: str) -> str:
        query = [("wantedCollections", name) for name in self._collections]
        if self._newest_us:
            same = host == self._cursor_host
            back_s = self._tuning.rewind_s if same else self._tuning.rewind_elsewhere_s
            query.append(("cursor", str(self._newest_us - int(back_s * 1e6))))
        return f"{host}/subscribe?{urlencode(query)}"

    def _chunk(self, socket: ClientConnection) -> list[bytes]:
        """At least one message, and what else has come in by then."""
        chunk = [receive(socket, self._tuning.silence_s)]
        try:
            while len(chunk) < CHUNK:
                chunk.append(receive(socket, 0))
        except (TimeoutError, ConnectionClosed):
            pass  # a lost connection shows again at the next call, with nothing left to hand on
        return chunk

    def _first(self, chunk: Sequence[bytes], host: str) -> bool:
        """The first event of a connection closes the gap, or shows that it stays open."""
        first_us = next((us for us in map(time_us, chunk) if us), 0)
        if not first_us:
            return False
        self._cursor_host = host
        if not self._cause:
            return True  # the first connection of all: nothing came before
        lost = first_us > self._newest_us + int(self._tuning.quiet_s * 1e6)
        now_ms = self._watch.clock_ms()
        if lost:
            cause = f"{self._cause}, cursor_clamped"
            self._watch.gap(self._newest_us // 1000, first_us // 1000, cause, filled=False)
        else:
            self._watch.gap(self._newest_us // 1000, now_ms, self._cause, filled=True)
        self._cause = ""
        return True

    def _put(self, chunk: Sequence[bytes]) -> None:
        latest_us = (self._watch.clock_ms() + AHEAD_MS) * 1000  # what claims more moves no cursor
        newest_us = max((us for us in map(time_us, chunk) if us < latest_us), default=0)
        self._newest_us = max(self._newest_us, newest_us)
        self._watch.received(len(chunk), newest_us // 1000)
        self._live.put(chunk, self._newest_us)
