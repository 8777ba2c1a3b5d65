"""Live sources and their gaps, from what each source last said of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec


class Gap(msgspec.Struct, frozen=True):
    """Half-open, in milliseconds of event time."""

    from_ms: int
    to_ms: int
    cause: str
    filled: bool


class Status(msgspec.Struct, frozen=True):
    """As `services.ingest.gaps.Status` writes it."""

    source: str
    connected: bool
    since_ms: int
    host: str
    cause: str
    last_event_ms: int
    lag_ms: int
    events: int
    reconnects: int
    lost_ms: int
    gaps: tuple[Gap, ...]


decode = msgspec.json.Decoder(Status).decode


def gaps(statuses: Iterable[Status], start_ms: int, stop_ms: int) -> list[dict[str, Any]]:
    """Gaps that lie in [start_ms, stop_ms) in part, newest first: `schemas.GapItem`."""
    found = [
        {
            "from": gap.from_ms,
            "to": gap.to_ms,
            "source": status.source,
            "cause": gap.cause,
            "filled": gap.filled,
        }
        for status in statuses
        for gap in status.gaps
        if gap.from_ms < stop_ms and gap.to_ms > start_ms
    ]
    return sorted(found, key=lambda gap: (-gap["from"], gap["source"]))


def items(statuses: Iterable[Status]) -> list[dict[str, Any]]:
    """`schemas.SourceItem`."""
    names = [name for name in Status.__struct_fields__ if name != "gaps"]
    return [{name: getattr(status, name) for name in names} for status in statuses]
