"""Which minutes a source was away for: a gap is not a calm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.alerts.detector_types import MINUTE_MS
from services.store.source_status import decode

GONE_MS: Final = 3_600_000
"""A source that has not come back for so long is taken as gone for good: the others are judged
by what they bring."""


class Gaps:
    """Windows of event time in which some source was away and nothing was played back."""

    def __init__(self, statuses: Iterable[bytes] = ()) -> None:
        """`statuses`: the JSON that each source wrote."""
        self._windows: list[tuple[int, int]] = []
        for status in map(decode, statuses):
            self._windows += [(g.from_ms, g.to_ms) for g in status.gaps if not g.filled]
            if not status.connected and status.last_event_ms:
                away = min(status.last_event_ms, status.since_ms or status.last_event_ms)
                self._windows.append((away, away + GONE_MS))

    def covers(self, end_ms: int) -> bool:
        """Whether the minute before `end_ms` lacks something."""
        start_ms = end_ms - MINUTE_MS
        return any(start < end_ms and stop > start_ms for start, stop in self._windows)


class Everything:
    """Contains whatever is asked for: every topic of a minute that a source was away for."""

    def __contains__(self, item: object) -> bool:
        return True
