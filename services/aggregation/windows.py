"""When which topic's rolling windows are written: at most once a second each, in turn.

A topic with new posts is due after a second, a quiet one now and then, so
that its windows empty as time goes on. A tick has a budget of time; what
does not fit waits, oldest first, so that ten thousand active topics slow the
windows down rather than the counting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.aggregation.gather import TopicName

ACTIVE_MS = 1_000
QUIET_MS = 10_000
DAY_MS = 86_400_000
CHUNK = 64
"""Topics per round trip."""


@dataclass(slots=True)
class _Window:
    newest_ms: int = 0
    """The newest post, event time."""
    rolled_ms: int = -QUIET_MS
    refreshed_ms: int = -QUIET_MS
    """When authors and top posts were last gathered: the dear part, so less often."""
    end_ms: int = 0
    dirty: bool = True


Roll = Callable[[Sequence[tuple[str, str, int, bool]]], None]


class Windows:
    """The rolling windows that this worker keeps fresh. `monotonic_ms` times the writing."""

    def __init__(self, roll: Roll, monotonic_ms: Callable[[], int], budget_ms: int) -> None:
        self._roll, self._clock, self._budget_ms = roll, monotonic_ms, budget_ms
        self._topics: dict[TopicName, _Window] = {}

    def touch(self, name: TopicName, newest_ms: int, refresh: bool = False) -> None:
        """A topic has new posts, or lost one (`refresh`)."""
        window = self._topics.setdefault(name, _Window())
        window.dirty = True
        window.newest_ms = max(window.newest_ms, newest_ms)
        if refresh:
            window.refreshed_ms = -QUIET_MS

    def write(self, end_of: Callable[[str], int | None], everything: bool = False) -> None:
        """Write what is due. `end_of` gives a namespace's window end, None if not known yet."""
        start = self._clock()
        due = self._due(start, end_of, everything)
        for first in range(0, len(due), CHUNK):
            if not everything and self._clock() - start >= self._budget_ms:
                return
            self._write(due[first : first + CHUNK], everything)

    def _due(
        self, now: int, end_of: Callable[[str], int | None], everything: bool
    ) -> list[tuple[TopicName, _Window, int]]:
        due = []
        for name, window in list(self._topics.items()):
            end = end_of(name[0])
            if end is None:
                continue
            end = max(end, window.end_ms)
            moved = window.dirty or end > window.end_ms
            wait = 0 if everything else ACTIVE_MS if window.dirty else QUIET_MS
            if moved and now - window.rolled_ms >= wait:
                due.append((name, window, end))
            elif not window.dirty and window.newest_ms < window.end_ms - DAY_MS - QUIET_MS:
                del self._topics[name]  # its windows are empty, and written so
        due.sort(key=lambda item: (not item[1].dirty, item[1].rolled_ms))
        return due

    def _write(self, due: Sequence[tuple[TopicName, _Window, int]], everything: bool) -> None:
        now = self._clock()
        fresh = [everything or now - w.refreshed_ms >= QUIET_MS for _, w, _ in due]
        self._roll([(*name, end, f) for (name, _, end), f in zip(due, fresh, strict=True)])
        for (_, window, end), refreshed in zip(due, fresh, strict=True):
            window.rolled_ms, window.end_ms, window.dirty = now, end, False
            if refreshed:
                window.refreshed_ms = now
