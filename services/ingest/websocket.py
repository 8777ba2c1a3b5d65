"""What connections over a websocket share: messages as bytes, and in a word why one ended."""

from __future__ import annotations

from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection

FAILURES: Final = (InvalidHandshake, InvalidURI, ConnectionClosed, OSError)
"""What the other side, or the way to it, may do. Anything else is a mistake of ours."""
MAX_MESSAGE: Final = 4 << 20


def receive(socket: ClientConnection, timeout_s: float) -> bytes:
    """The next message. `TimeoutError` where none comes in time, `ConnectionClosed` after the
    last."""
    message = socket.recv(timeout_s, decode=False)
    return message if isinstance(message, bytes) else message.encode()


def cause_of(failure: Exception) -> str:
    """One of `FAILURES` as metrics and the source's status name it."""
    match failure:
        case InvalidStatus():
            return f"http_{failure.response.status_code}"
        case ConnectionClosed():
            return "connection_lost"
        case TimeoutError():
            return "silent"
        case OSError():
            return "connection_failed"
    return "handshake_failed"
