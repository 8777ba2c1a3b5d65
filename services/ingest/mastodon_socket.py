"""One Mastodon server's public timeline, live, with what was missed fetched afterwards.

The streaming API (a websocket) has no cursor: what happens while the connection
is down is not sent again. So each session opens the stream first and then asks
the REST timeline for everything since the last id, page by page, and last, backwards, for
what came late under an older one; what comes twice is removed by id further on. Ids hold the
time a status was *written* (milliseconds above 16 bits), and a status from another
server may arrive late under an old id, hence the rewind.

Streaming: docs.joinmastodon.org/methods/streaming; paging: /api/guidelines#pagination.
"""

from __future__ import annotations

import calendar
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import httpcore
import msgspec
from websockets.sync.client import ClientConnection, connect

from services.errors import UsageError
from services.ingest.gaps import Watch
from services.ingest.live import Backoff, Ended, Live, Message
from services.ingest.times import AHEAD_MS, whole
from services.ingest.websocket import FAILURES, MAX_MESSAGE, cause_of, receive

PAGE = 40
"""Statuses in a page of a timeline, at most (the API's own limit)."""
WAITING = 10_000
"""Events that may pile up while we catch up."""
STREAMS = {
    "public": {},
    "public:local": {"local": "true"},
    "public:remote": {"remote": "true"},
}
"""Streams that we know how to catch up on, and how the timeline is asked for the same."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times in seconds. `pages` bounds one catch-up: what lies before is a gap."""

    rewind_s: float = 300.0
    silence_s: float = 90.0
    open_s: float = 10.0
    pages: int = 200
    late_pages: int = 25
    """Pages spent on the rewind, newest first, once everything newer is there."""
    page_pause_s: float = 0.1
    """The API allows 300 requests in five minutes, and says when that is used up."""
    backoff: Backoff = field(default_factory=lambda: Backoff(1.0, 60.0))
    buffered: int = 20_000


class _Status(msgspec.Struct):
    id: str = ""


class _Event(msgspec.Struct):
    event: str = ""
    payload: str = ""


_page = msgspec.json.Decoder(list[msgspec.Raw])
_status = msgspec.json.Decoder(_Status)
_event = msgspec.json.Decoder(_Event)


def id_ms(status_id: str) -> int:
    """When the status behind an id was written, milliseconds since 1970; 0 for no such id."""
    return (whole(status_id) or 0) >> 16


class MastodonSocket:
    """Messages (streaming events, and statuses from catching up) of one server."""

    def __init__(
        self,
        watch: Watch,
        server: str,
        token: str,
        *,
        stream: str = "public",
        cursor: str = "",
        tls: ssl.SSLContext | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        if stream not in STREAMS:
            raise UsageError(f"the stream is one of {', '.join(STREAMS)}, not {stream!r}")
        self._watch = watch
        self._server = server.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stream = stream
        self._tls = tls
        self._tuning = tuning or Tuning()
        self._newest = int(cursor) if cursor else 0
        self._cause = "restart" if cursor else ""
        self._socket: ClientConnection | None = None
        self._http = httpcore.ConnectionPool(ssl_context=tls)
        self._live = Live(
            watch,
            self._session,
            position=self._newest,
            backoff=self._tuning.backoff,
            buffered=self._tuning.buffered,
        )
        self._live.start()

    @property
    def host(self) -> str:
        return urlsplit(self._server).netloc

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """The next messages; empty after `timeout_s` without any."""
        return self._live.take(most, timeout_s)

    def close(self) -> None:
        self._live.stop()
        if self._socket is not None:
            self._socket.close()
        self._live.join()
        self._http.close()

    def _session(self) -> Ended:
        received = 0
        try:
            with connect(
                f"ws{self._server.removeprefix('http')}/api/v1/streaming?stream={self._stream}",
                additional_headers=self._headers,
                ssl=self._tls if self._server.startswith("https") else None,
                max_size=MAX_MESSAGE,
                max_queue=WAITING,
                open_timeout=self._tuning.open_s,
                close_timeout=1,
                ping_interval=20,
            ) as socket:
                self._socket = socket
                received += self._caught_up()
                self._watch.connected(self._server)
                while not self._live.stopped.is_set():
                    self._put(receive(socket, self._tuning.silence_s))
                    received += 1
        except httpcore.TimeoutException:
            return self._ended(received, "silent")
        except (httpcore.NetworkError, httpcore.ProtocolError):
            return self._ended(received, "connection_failed")
        except FAILURES as error:
            return self._ended(received, cause_of(error))
        except _Refused as refused:
            return self._ended(received, f"http_{refused.status}", refused.wait_s)
        return self._ended(received, "closed")

    def _ended(self, received: int, cause: str, wait_s: float = 0.0) -> Ended:
        self._cause = self._cause or cause
        return Ended(received, cause, wait_s)

    def _put(self, message: bytes) -> None:
        try:
            event = _event.decode(message)
            found = _status.decode(event.payload) if event.event == "update" else _Status()
        except msgspec.MsgspecError:
            found = _Status()  # whoever parses it says what is wrong
        self._reached(found.id)
        self._watch.received(1, id_ms(found.id))
        self._live.put([message], self._newest)

    def _reached(self, status_id: str) -> None:
        latest_ms = self._watch.clock_ms() + AHEAD_MS
        if status_id and id_ms(status_id) < latest_ms:
            self._newest = max(self._newest, int(status_id))

    def _caught_up(self) -> int:
        """Everything since the last status we saw; how far it reached is noted as a gap."""
        if not self._newest:  # the first connection of all: from now on
            self._newest = self._watch.clock_ms() << 16
            return 0
        from_ms, now_ms, seen = self._newest >> 16, self._watch.clock_ms(), self._newest
        received, at = self._newer(seen)
        if received >= self._tuning.pages * PAGE:
            self._watch.gap(
                max(from_ms, at >> 16), now_ms, f"{self._cause}, too_long", filled=False
            )
            now_ms = at >> 16
        self._watch.gap(from_ms, now_ms, self._cause, filled=True)
        self._cause = ""
        return received + self._late(seen)

    def _newer(self, at: int) -> tuple[int, int]:
        """Hand on what is newer than the id `at`, oldest first: how many statuses, how far."""
        received = 0
        for number in range(self._tuning.pages):
            page = self._page(number, min_id=at)
            if not page or page[-1][0] <= at or self._live.stopped.is_set():
                break
            at = page[-1][0]
            received += self._hand_on(page)
        return received, at

    def _late(self, seen: int) -> int:
        """Hand on what came late, or out of order, under ids up to `seen`, newest first.

        Late ones lie mostly shortly before: `late_pages` reach as far back as they do.
        """
        stop, at, received = seen - (int(self._tuning.rewind_s * 1000) << 16), seen + 1, 0
        for number in range(self._tuning.late_pages):
            page = self._page(number, max_id=at)
            if not page or page[0][0] >= at or self._live.stopped.is_set():
                break
            at = page[0][0]
            received += self._hand_on(page)
            if at <= stop:
                break
        return received

    def _hand_on(self, page: list[tuple[int, msgspec.Raw]]) -> int:
        newest = page[-1][0]
        self._reached(str(newest))
        self._live.put([bytes(status) for _, status in page], self._newest)
        self._watch.received(len(page), newest >> 16)
        return len(page)

    def _page(self, number: int, **bound: int) -> list[tuple[int, msgspec.Raw]]:
        """A page of (id, status), oldest first, beyond `min_id` or before `max_id`."""
        if number:
            self._live.stopped.wait(self._tuning.page_pause_s)
        query = {name: str(at) for name, at in bound.items()} | {"limit": str(PAGE)}
        asked = urlencode(query | STREAMS[self._stream])
        raws = _page.decode(self._get(f"/api/v1/timelines/public?{asked}"))
        return sorted(((int(_status.decode(raw).id or 0), raw) for raw in raws), key=_by_id)

    def _get(self, path: str) -> bytes:
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._tuning.open_s)
        response = self._http.request(
            "GET",
            self._server + path,
            headers=[*self._headers.items()],
            extensions={"timeout": timeout},
        )
        if response.status != 200:
            raise _Refused(response.status, _wait_s(response))
        return response.content


class _Refused(Exception):
    """The REST API answers otherwise than 200."""

    def __init__(self, status: int, wait_s: float) -> None:
        super().__init__(status)
        self.status, self.wait_s = status, wait_s


def _by_id(pair: tuple[int, msgspec.Raw]) -> int:
    return pair[0]


def _wait_s(response: httpcore.Response) -> float:
    """What a 429 asks for: seconds, or the time of day at which the budget is fresh again."""
    fields = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    after = whole(fields.get(b"retry-after", ""))
    if after is not None:
        return min(float(after), 300.0)
    reset = fields.get(b"x-ratelimit-reset", "")
    try:
        at = time.strptime(reset[:19], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return 0.0
    return max(0.0, min(calendar.timegm(at) - time.time(), 300.0))
