"""Live sources and their gaps, from what each source last said of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from services.store.source_status import Status


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
    names = [field.name for field in fields(Status) if field.name != "gaps"]
    return [{name: getattr(status, name) for name in names} for status in statuses]
