"""What a live source says of itself: ingest writes it, alerts and the dashboard read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Gap:
    """Half-open, in milliseconds of event time."""

    from_ms: int
    to_ms: int
    cause: str
    filled: bool


@dataclass(frozen=True, slots=True)
class Status:
    """A source at one moment. Times are milliseconds since 1970, 0 where there is none yet."""

    source: str
    connected: bool
    since_ms: int
    """When it connected, or when the connection ended."""
    host: str
    cause: str
    """Why it is not connected."""
    last_event_ms: int
    lag_ms: int
    """From the newest event's own time to its arrival."""
    events: int
    reconnects: int
    lost_ms: int
    gaps: tuple[Gap, ...]

    def to_json(self) -> bytes:
        return msgspec.json.encode(asdict(self))


decode = msgspec.json.Decoder(Status).decode
"""The status behind what `Status.to_json` made."""
