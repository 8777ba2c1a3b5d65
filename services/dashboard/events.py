"""Server-sent events: their text, and one reader's connection.

`id` names the place in the stream: a reader that comes back with the newest one
has missed nothing, any other is told to ask for everything anew (`resync`).
Events: `figures`, `alert`, `resync`, `trouble`; comments keep the line alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.dashboard.alerts import item
from services.dashboard.overview import head_of, join
from services.dashboard.views import Snapshot

ROWS: Final = 30
"""In one event, for readers that name no topics."""
HEARTBEAT_S: Final = 15.0
HEARTBEAT: Final = b":\n\n"
QUEUED: Final = 16
"""Events that wait for a slow reader; then it is dropped, and comes back with a `resync`."""
SLOW_S: Final = 10.0
"""A reader that takes nothing for so long is dropped."""
RETRY_MS: Final = 1_000

_encode = msgspec.json.Encoder().encode


def event(event_id: str, kind: str, data: bytes) -> bytes:
    """One event. JSON has no line breaks, so `data` is one line."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event_id.encode(), kind.encode(), data)


def resync(event_id: str, namespace: str, reason: str) -> bytes:
    return event(event_id, "resync", _encode({"namespace": namespace, "reason": reason}))


def trouble(event_id: str, namespace: str, reason: str) -> bytes:
    return event(event_id, "trouble", _encode({"namespace": namespace, "reason": reason}))


def changes(event_id: str, snapshot: Snapshot, topics: frozenset[str] | None) -> bytes:
    """The alerts and rows that changed, of these topics; empty where none of them did."""
    found = b""
    for alert in snapshot.alerts:
        if topics is None or alert.topic in topics:
            document = {"namespace": snapshot.state.name, "alert": item(alert)}
            found += event(event_id, "alert", _encode(document))
    rows = [row for row in snapshot.changed if topics is None or row.topic in topics]
    if rows:
        rows.sort(key=lambda row: -row.last_post_ms)
        shown = rows if topics is not None else rows[:ROWS]
        head = _encode({**head_of(snapshot), "more": len(rows) - len(shown)})
        found += event(
            event_id, "figures", head[:-1] + b',"topics":[' + join(snapshot, shown) + b"]}"
        )
    return found


class Subscription:
    """One reader's queue. Used on the server's loop alone."""

    def __init__(self, topics: frozenset[str] | None) -> None:
        """`topics` are those that the reader has on the screen; None: any."""
        self.topics = topics
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUED)
        self._over = False

    def offer(self, event: bytes) -> None:
        """Put an event into the queue; a reader whose queue is full is dropped."""
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        """End the connection once the reader's task comes round."""
        self._over = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(b"")

    async def next(self) -> bytes | None:
        """The next event, a heartbeat where none comes; None at the end."""
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                found = await self._queue.get()
        except TimeoutError:
            return None if self._over else HEARTBEAT
        return None if self._over else found


class EventStream(Response):
    """The response of `/events`."""

    media_type = "text/event-stream"

    def __init__(self, reader: Subscription, left: Callable[[], Any]) -> None:
        """`left` is called once the reader is gone."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._reader, self._left = reader, left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.create_task(self._await_hang_up(receive))
        try:
            if not scope.get("undertone.head"):
                await self._pass_on(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            pass  # too slow: the server closes the connection
        finally:
            gone.cancel()
            self._left()

    async def _pass_on(self, send: Send) -> None:
        part = b"retry: %d\n\n" % RETRY_MS
        while part is not None:
            async with asyncio.timeout(SLOW_S):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            found = await self._reader.next()
            if found is None:
                return
            part = found

    async def _await_hang_up(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._reader.close()
