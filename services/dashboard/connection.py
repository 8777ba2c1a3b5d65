"""One connection of a reader, and what ends it.

A server that strangers can reach must not keep for ever who connects and then says nothing, or
says it byte by byte; nor may they take the files of the process, which may be the pipeline too.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S: Final = 10.0
"""A request's head is whole so long after its first byte, the first one's so long after the
connection was made; or the connection ends."""


class Connection(H11Protocol):
    """HTTP/1.1 by h11, which refuses what is ambiguous and heads of more than 64 kB, whatever
    faster parsers are installed."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)
        if len(self.connections) > most():
            idle = (c for c in self.connections if isinstance(c, Connection) and c.is_idle)
            next((c for c in idle if c is not self), self).transport.abort()

    @property
    def is_idle(self) -> bool:
        """Nobody waits for an answer of ours."""
        return (self.cycle is None or self.cycle.response_complete) and (
            not self.transport.is_closing()
        )

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waits = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not waits and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        elif waits and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)


def most() -> int:
    """Connections at a time: half of the files that the process may open. Beyond, one that is
    idle gives way, else the newest."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
