"""How far each partition of `posts` is read, per namespace: what the marker records say.

A marker may say only what is true of the records written before it. So each
batch's marker is made at its submit, in poll order, from its own records and
those before it, and is written behind its outputs; what did not move far
enough for a marker of its own waits until the worker says that those records
are written (`settle`), and goes out with the next `due`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.records import AnyRecord, End, Post, Watermark
from services.stream.port import Record

STEP_MS = 1_000
"""Event time has to move this far for a marker of its own."""


@dataclass(slots=True)
class _Progress:
    """Of one namespace on one partition, counting only what is written."""

    seen_ms: int
    """By the clock: when event time last moved on, or the partition came."""
    newest_ms: int = 0
    sent_ms: int = 0
    idle_since_ms: int | None = None
    """When it was last called idle."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a batch moves on one partition, until its outputs are written."""

    stop: int
    """The offset behind the batch."""
    namespace: str
    newest_ms: int
    sent: bool
    ended: bool


@dataclass(slots=True)
class _Partition:
    read_ms: int
    """By the clock: when any record last came."""
    head_ms: int = 0
    """Newest time at which a record read was appended: how current the reading is."""
    marks: deque[_Mark] = field(default_factory=deque)
    progress: dict[str, _Progress] = field(default_factory=dict)


class Watermarks:
    """Progress of the partitions held. Used by one thread."""

    def __init__(
        self, clock_ms: Callable[[], int], live: str | None = None, idle_after_ms: int = 30_000
    ) -> None:
        """`live` is the namespace whose silent partitions are called idle; None for none."""
        self._clock_ms, self._live, self._idle_after_ms = clock_ms, live, idle_after_ms
        self._held: dict[int, _Partition] = {}
        self._count = 0

    def assigned(self, partitions: Iterable[int], count: int) -> None:
        """`count` is how many partitions the stream has in all."""
        self._count = count
        now = self._clock_ms()
        for partition in partitions:
            held = self._held[partition] = _Partition(now)
            if self._live is not None:
                held.progress[self._live] = _Progress(now)

    def revoked(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._held.pop(partition, None)

    def read(self, batch: Sequence[tuple[Record, AnyRecord | None]]) -> list[Watermark]:
        """The markers to write behind the outputs of `batch`, which is in poll order.

        The same batch may come again (its submit failed); then so do its markers.
        """
        now = self._clock_ms()
        by_side: dict[tuple[int, str], list[tuple[Record, AnyRecord]]] = {}
        for record, value in batch:
            held = self._held.setdefault(record.partition, _Partition(now))
            held.read_ms, held.head_ms = now, max(held.head_ms, record.timestamp_ms)
            if isinstance(value, Post | End):
                by_side.setdefault((record.partition, value.namespace), []).append((record, value))
        made = [self._side(*side, records, now) for side, records in by_side.items()]
        return [watermark for watermark in made if watermark is not None]

    def _side(
        self,
        partition: int,
        namespace: str,
        records: Sequence[tuple[Record, AnyRecord]],
        now: int,
    ) -> Watermark | None:
        held = self._held[partition]
        progress = held.progress.setdefault(namespace, _Progress(now))
        stop = records[-1][0].offset + 1
        before = [m for m in held.marks if m.namespace == namespace and m.stop < stop]
        sent = max([progress.sent_ms, *(m.newest_ms for m in before if m.sent)])
        known = max([progress.newest_ms, *(m.newest_ms for m in before)])
        told = [_told(value) for _, value in records if isinstance(value, Post)]
        newest = max([known, *told])
        ended = any(isinstance(value, End) for _, value in records)
        woken = newest > known and progress.idle_since_ms is not None
        send = ended or newest >= sent + STEP_MS or woken
        if newest > known or not known:  # a slow clock's posts say nothing of how far we are
            progress.seen_ms = now
        if not any(m.stop == stop and m.namespace == namespace for m in held.marks):
            held.marks.append(_Mark(stop, namespace, newest, send, ended))
        return self._marker(partition, namespace, newest, ended=ended) if send else None

    def settle(self, positions: Mapping[int, int]) -> None:
        """Everything before `positions` (next offset by partition) is written."""
        for partition, position in positions.items():
            held = self._held.get(partition)
            while held and held.marks and held.marks[0].stop <= position:
                self._settle(held, held.marks.popleft())

    def _settle(self, held: _Partition, mark: _Mark) -> None:
        progress = held.progress.get(mark.namespace)
        if mark.ended:
            held.progress.pop(mark.namespace, None)
        elif progress is not None:
            progress.newest_ms = max(progress.newest_ms, mark.newest_ms)
            if mark.sent:
                progress.sent_ms = max(progress.sent_ms, mark.newest_ms)
                progress.idle_since_ms = None

    def due(self) -> list[Watermark]:
        """Markers for what moved too little to have one yet, and for live partitions gone idle."""
        now = self._clock_ms()
        return [
            watermark
            for partition, held in self._held.items()
            for namespace, progress in held.progress.items()
            for watermark in [self._due(partition, held, namespace, progress, now)]
            if watermark is not None
        ]

    def _due(
        self, partition: int, held: _Partition, namespace: str, progress: _Progress, now: int
    ) -> Watermark | None:
        idle = namespace == self._live and self._is_idle(held, progress, now)
        if idle:
            progress.idle_since_ms = now  # said again now and then: a new reader may have come
        elif progress.newest_ms <= progress.sent_ms:
            return None
        progress.sent_ms = progress.newest_ms
        return self._marker(partition, namespace, progress.newest_ms, idle=idle)

    def _is_idle(self, held: _Partition, progress: _Progress, now: int) -> bool:
        """Silent for long though the partition is read to its end, and not just said."""
        since = max(progress.seen_ms, progress.idle_since_ms or 0)
        current = held.head_ms > now - self._idle_after_ms
        drained = now - held.read_ms >= self._idle_after_ms
        return now - since >= self._idle_after_ms and not held.marks and (current or drained)

    def _marker(
        self,
        partition: int,
        namespace: str,
        newest: int,
        *,
        idle: bool = False,
        ended: bool = False,
    ) -> Watermark:
        return Watermark(namespace, partition, self._count, newest, idle, ended)


def _told(post: Post) -> int:
    """Up to when a post says that the stream is read: a writer's clock that is fast says no more
    than when the post arrived, or everybody else's would come late."""
    return min(post.created_at_ms, post.arrived_at_ms)
