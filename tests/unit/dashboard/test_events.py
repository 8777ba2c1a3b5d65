"""One reader's live connection: its queue, its heartbeat, its end. Slow readers are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.dashboard import events
from services.dashboard.events import QUEUED, EventStream, Subscription

Message = dict[str, object]


async def forever() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def run(
    reader: Subscription,
    send: Callable[[Message], Awaitable[None]],
    receive: Callable[[], Awaitable[Message]] = forever,
) -> list[str]:
    left: list[str] = []
    stream = EventStream(reader, lambda: left.append("left"))
    async with asyncio.timeout(5):
        await stream({"type": "http"}, receive, send)  # type: ignore[arg-type]
    return left


class Wire:
    """What was sent; sending stops for good after `room` parts."""

    def __init__(self, room: int = 1_000) -> None:
        self.parts: list[bytes] = []
        self._room = room

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            if len(self.parts) >= self._room:
                await asyncio.Event().wait()
            self.parts.append(bytes(message["body"]))  # type: ignore[call-overload]


def test_events_come_in_order_and_the_end_is_an_end() -> None:
    async def main() -> list[bytes]:
        wire, reader = Wire(), Subscription(None)
        task = asyncio.create_task(run(reader, wire))
        for number in range(3):
            reader.offer(events.event(f"b-{number}", "figures", b"{}"))
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        reader.close()
        assert await task == ["left"]
        return wire.parts

    parts = asyncio.run(main())
    assert parts[0] == b"retry: 1000\n\n"
    assert parts[1] == b"id: b-0\nevent: figures\ndata: {}\n\n"
    assert len(parts) == 5
    assert parts[-1] == b""


def test_a_quiet_line_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.02)

    async def main() -> list[bytes]:
        wire, reader = Wire(), Subscription(None)
        task = asyncio.create_task(run(reader, wire))
        await asyncio.sleep(0.2)
        reader.close()
        await task
        return wire.parts

    assert asyncio.run(main()).count(events.HEARTBEAT) >= 2


def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SLOW_S", 0.05)
    wire = Wire(room=1)

    async def main() -> list[str]:
        reader = Subscription(None)
        reader.offer(b"one")
        return await run(reader, wire)

    assert asyncio.run(main()) == ["left"]
    assert wire.parts == [b"retry: 1000\n\n"]


def test_a_reader_that_falls_behind_is_dropped() -> None:
    async def main() -> bytes | None:
        reader = Subscription(None)
        for number in range(QUEUED + 1):
            reader.offer(b"%d" % number)
        return await reader.next()

    assert asyncio.run(main()) is None


def test_a_reader_that_hangs_up_is_forgotten_at_once() -> None:
    hung_up = asyncio.Event()

    async def receive() -> Message:
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def main() -> list[str]:
        task = asyncio.create_task(run(Subscription(None), Wire(), receive))
        await asyncio.sleep(0.01)
        hung_up.set()
        return await task

    assert asyncio.run(main()) == ["left"]
