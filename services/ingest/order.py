"""Event-time order of items that come from many files, in flat memory.

An item's key is (event time in ms, file, number in the file): unique, and the
same whenever the archive is read. A file is *in order* when a heap of `WINDOW`
items puts it right (streams jitter by seconds); such files are read straight
through, those after one another in time as one chain. All others are sorted
on disk (`runs.py`). Chains and runs are then merged.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.ingest.draft import Draft, Gone, Item

WINDOW = 1000
"""Items held back to put a jittering stream right."""
MAX_CHAINS = 16
"""Files read side by side; each holds `WINDOW` posts in memory."""

Key: TypeAlias = tuple[int, int, int]
Keyed: TypeAlias = tuple[int, int, int, Item]
"""A key and its item. Keys are unique, so items are never compared."""


def keyed(items: Iterable[Item], file: int) -> Iterator[Keyed]:
    """Items with their keys. What has no time of its own goes with what stands before it."""
    time_ms = 0
    for number, item in enumerate(items):
        own = time_of(item)
        time_ms = time_ms if own is None else own
        yield time_ms, file, number, item


def time_of(item: Item) -> int | None:
    if isinstance(item, Draft):
        return item.created_at_ms
    return item.at_ms if isinstance(item, Gone) else None


def windowed(items: Iterable[Keyed], window: int = WINDOW) -> Iterator[Keyed]:
    """Sorted, as far as `window` items of memory can do it."""
    heap: list[Keyed] = []
    for item in items:
        if len(heap) < window:
            heapq.heappush(heap, item)
        else:
            yield heapq.heappushpop(heap, item)
    heap.sort()
    yield from heap


class Probe:
    """Follows the times of one file and tells whether `windowed` would put it in order."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._heap: list[Key] = []
        self._newest: Key | None = None
        self.first_ms: int | None = None
        self.last_ms = 0

    @property
    def seen(self) -> bool:
        return self.first_ms is not None

    def end(self) -> bool:
        """Whether what is still held comes in order too."""
        return self._newest is None or self._newest < min(self._heap)

    def add(self, key: Key) -> bool:
        """False from the first item on that comes too late to be put right."""
        time_ms = key[0]
        self.first_ms = time_ms if self.first_ms is None else min(self.first_ms, time_ms)
        self.last_ms = max(self.last_ms, time_ms)
        if len(self._heap) < self._window:
            heapq.heappush(self._heap, key)
            return True
        oldest = heapq.heappushpop(self._heap, key)
        right = self._newest is None or self._newest < oldest
        self._newest = oldest
        return right


@dataclass(frozen=True, slots=True)
class Span:
    """A file that is in order: its number, and the first and last event time in it."""

    file: int
    first_ms: int
    last_ms: int


def chains(spans: Iterable[Span]) -> list[list[Span]]:
    """Files that follow one another, in as few chains as can be: each file once, none overlapping.

    Greedy over the start times, as for meeting rooms.
    """
    found: list[list[Span]] = []
    ends: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda s: (s.first_ms, s.file)):
        # Strictly before: at equal times the file's number decides, and it may be the lower one.
        if ends and ends[0][0] < span.first_ms:
            number = heapq.heappop(ends)[1]
        else:
            number = len(found)
            found.append([])
        found[number].append(span)
        heapq.heappush(ends, (span.last_ms, number))
    return found


def merged(streams: Sequence[Iterable[Keyed]]) -> Iterator[Keyed]:
    """One sorted stream of several."""
    return heapq.merge(*streams) if len(streams) != 1 else iter(streams[0])
