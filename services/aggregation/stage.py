"""The aggregation hop's stage: scored posts in, counts and rolling windows in the store.

Synchronous: one batch at a time. Nothing of ours changes before the store has
taken the batch, so a batch may be submitted again after any failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from uuid import uuid4

from services.aggregation import watermark
from services.aggregation.deletions import Deletions
from services.aggregation.gather import Gathered, Rules, TopicName, entry, gather, tops
from services.aggregation.touched import Touched
from services.aggregation.watermark import Marks, PartitionMarks
from services.aggregation.windows import Windows
from services.errors import Rewound, Unavailable
from services.records import Scored
from services.store import schema
from services.store.reader import LIVE, REPLAY, Reader
from services.store.store import Progress, Store, TopicBatch
from services.stream.port import Output, Record, Result, Streams

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the stage needs of the settings."""

    scores: str
    """The stream it reads."""
    live: str = "live"
    """The namespace whose windows end now; every other is a replay, its windows end at its
    newest post."""
    allowed_lateness_ms: int = 30_000
    id_memory_ms: int = 24 * schema.HOUR_MS
    rolling_budget_ms: int = 200
    """What a tick may spend on writing rolling windows."""


class AggregationStage:
    """Implements `services.stream.port.Stage` for the stream of scored posts."""

    name = "aggregation"
    max_in_flight = 1

    def __init__(
        self,
        store: Store,
        streams: Streams,
        options: Options,
        *,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        """`clock_ms` tells the time of day; `monotonic_ms` times the writing of windows."""
        self.stream = options.scores
        self._store, self._streams, self._clock_ms = store, streams, clock_ms
        self._rules = Rules(options.live, options.allowed_lateness_ms, options.id_memory_ms)
        self._worker = uuid4().hex
        self._epoch = ""
        self._marks: dict[int, PartitionMarks] = {}
        self._known: dict[int, Progress] = {}
        self._reached: dict[int, list[tuple[int, PartitionMarks]]] = {}
        self._namespaces: set[str] = set()
        self._topics: dict[TopicName, int] = {}
        """Topics seen since the registry was written, with their newest event time."""
        self._registered: set[TopicName] = set()
        self._newest: dict[str, int] = {}
        self._stale = True
        self._touched = Touched(self._rules.id_memory_ms)
        self._deletions = Deletions(store, self._now_ms, clock_ms)
        self._windows = Windows(store.roll, monotonic_ms, options.rolling_budget_ms)

    # -- the worker's calls -------------------------------------------------------

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        """Count a batch; done when it returns."""
        future: Future[Result] = Future()
        try:
            future.set_result(self._process(records))
        except Exception as error:
            future.set_exception(error)
        return future

    def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Where the store stands; the first offset for a partition that it never saw, whatever
        the group has committed: the store may be new."""
        epoch = self._streams.epoch(self.stream)
        if self._stale or epoch != self._epoch:
            self._begin(epoch)
        progress = self._store.progress(self.stream, epoch, partitions)
        for partition in partitions:
            self._reached.pop(partition, None)
            self._known.pop(partition, None)
            at = progress.get(partition)
            self._marks[partition] = watermark.load(at.marks) if at else self._fresh_marks()
            if at is not None:
                self._known[partition] = at
        return {p: progress[p].position if p in progress else 0 for p in partitions}

    def from_the_start(self, partitions: Sequence[int]) -> None:
        """For a rebuild: count these partitions from their first offset, nothing known."""
        self._begin(self._streams.epoch(self.stream))
        self._marks = {partition: {} for partition in partitions}

    def revoked(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            for held in (self._marks, self._known, self._reached):
                held.pop(partition, None)

    def tick(self) -> Sequence[Output]:
        """Registry, watermarks and the rolling windows that are due."""
        self._store.beat(self._worker)
        self._publish()
        self._windows.write(self._window_end)
        return ()

    def settle(self) -> None:
        """Write everything that a tick would, however long it takes."""
        self._publish()
        self._windows.write(self._window_end, everything=True)

    def flush(self, positions: Mapping[int, int]) -> None:
        """Write positions, once what they cover is durable; drop what is past its use."""
        self._publish()
        new = {p: self._progress_at(p, at) for p, at in positions.items() if p in self._marks}
        self._store.make_durable()
        self._guard(lambda: self._store.advance(self.stream, self._epoch, self._known, new))
        self._known.update(new)
        self._drop_old()

    def close(self) -> None:
        """Leave the windows fresh. The store stays open; it is whoever opened it's to close."""
        try:
            self.settle()
            self._store.beat(self._worker, alive=False)
        except (Unavailable, Rewound) as error:
            log.warning("the last windows are not written: %s", error)

    # -- one batch ----------------------------------------------------------------

    def _process(self, records: Sequence[Record]) -> Result:
        parts, dead = gather(records, self._marks, self._rules)
        for part in parts:
            if part.partition not in self._marks:
                continue  # revoked meanwhile: another worker counts it
            self._guard(lambda part=part: self._count(part))  # type: ignore[misc]
            self._marks[part.partition] = part.marks
            snapshots = self._reached.setdefault(part.partition, [])
            snapshots.append((part.next_offset, part.marks))
        return Result(dead=dead)

    def _count(self, part: Gathered) -> None:
        self._register(part)
        gone = self._deletions.gone(part)
        batches = [self._batch(name, records, gone) for name, records in part.scored.items()]
        self._deletions.note_kept(part.partition, batches, part.scored)
        self._store.apply(f"{self._epoch}:{part.partition}", batches)
        for batch in batches:
            self._touched.note(batch.namespace, batch.topic, batch.entries)
        for name, records in part.scored.items():
            newest = max(record.created_at_ms for _, record, _ in records)
            self._topics[name] = max(newest, self._topics.get(name, 0))
            self._newest[name[0]] = max(newest, self._newest.get(name[0], 0))
            self._windows.touch(name, newest)
        for name, created in self._deletions.scrub(part):
            self._windows.touch(name, created, refresh=True)

    def _batch(
        self, name: TopicName, records: Sequence[tuple[int, Scored, int]], gone: set[str]
    ) -> TopicBatch:
        entries = [entry(*item) for item in records]
        expiries = self._touched.expiries(*name, entries)
        return TopicBatch(*name, entries, tuple(tops(records, gone)), expiries)

    def _register(self, part: Gathered) -> None:
        """Topics are registered before they are counted, or no reader would find them."""
        fresh: dict[str, dict[str, int]] = {}
        for (namespace, topic), records in part.scored.items():
            if (namespace, topic) not in self._registered:
                newest = max(record.created_at_ms for _, record, _ in records)
                fresh.setdefault(namespace, {})[topic] = newest
        for namespace in {*fresh, *part.marked} - self._namespaces:
            kind = LIVE if namespace == self._rules.live_namespace else REPLAY
            self._store.add_namespace(namespace, kind, self._clock_ms())
            self._namespaces.add(namespace)
        for namespace, topics in fresh.items():
            self._store.add_topics(namespace, topics)
            self._registered.update((namespace, topic) for topic in topics)

    # -- time -----------------------------------------------------------------------

    def _now_ms(self, namespace: str) -> int | None:
        """Now, in a namespace: the clock where it is live, else the newest event time."""
        if namespace == self._rules.live_namespace:
            return self._clock_ms()
        told = [m.newest_ms for m in self._marks_of(namespace) if m.newest_ms is not None]
        return max((*told, self._newest.get(namespace, 0))) or None

    def _window_end(self, namespace: str) -> int | None:
        now = self._now_ms(namespace)
        return None if now is None else schema.window_end(now)

    def _marks_of(self, namespace: str) -> list[Marks]:
        return [held[namespace] for held in self._marks.values() if namespace in held]

    def _publish(self) -> None:
        newest: dict[str, dict[str, int]] = {}
        for (namespace, topic), ms in self._topics.items():
            newest.setdefault(namespace, {})[topic] = ms
        for namespace, topics in newest.items():
            self._store.add_topics(namespace, topics)
        self._topics.clear()
        for namespace in {name for held in self._marks.values() for name in held}:
            fields = self._watermark_fields(namespace)
            if fields:
                self._store.publish_watermarks(namespace, fields)

    def _watermark_fields(self, namespace: str) -> dict[str, int]:
        fields: dict[str, int] = {}
        for partition, held in self._marks.items():
            marks = held.get(namespace)
            if marks is None or marks.watermark_ms is None:
                continue
            fields[str(partition)] = marks.watermark_ms
            if marks.ended:
                fields[f"ended:{partition}"] = 1
        return fields

    # -- progress ---------------------------------------------------------------------

    def _begin(self, epoch: str) -> None:
        """A new session with the store: what we knew of it counts no more."""
        self._store.begin_session()
        self._touched.forget()
        self._registered.clear()
        self._namespaces.clear()
        self._known.clear()
        self._reached.clear()
        self._epoch, self._stale = epoch, False

    def _fresh_marks(self) -> PartitionMarks:
        """Nothing is known of a new partition. A live namespace's watermark goes on from before,
        where the stream itself is new (an embedded run): old posts stay too late."""
        if self._store.has_progress(self.stream, self._epoch):
            return {}
        live = self._rules.live_namespace
        before = Reader(self._store).watermark(live).ms
        return {} if before is None else {live: Marks(watermark_ms=before)}

    def _progress_at(self, partition: int, position: int) -> Progress:
        """The marks as they were right before `position`."""
        marks: PartitionMarks | None = None
        rest = []
        for offset, snapshot in self._reached.get(partition, []):
            if offset <= position:
                marks = snapshot
            else:
                rest.append((offset, snapshot))
        self._reached[partition] = rest
        if marks is None:
            held = self._known.get(partition)
            return Progress(position, held.marks if held else b"")
        return Progress(position, watermark.dump(marks))

    def _guard(self, step: Callable[[], None]) -> None:
        """A step that finds another server behind the store ends the session."""
        try:
            step()
        except Rewound:
            self._stale = True
            raise

    def _drop_old(self) -> None:
        for namespace in self._namespaces:
            floor = self._floor_ms(namespace)
            if floor is not None:
                self._store.remove(list(self._touched.drop(namespace, floor)))

    def _floor_ms(self, namespace: str) -> int | None:
        """Nothing before this less the id memory comes again: every flushed watermark is past
        it, and so is every cursor. A replay that has no cursor yet may start from its beginning."""
        durable = [watermark.load(at.marks).get(namespace) for at in self._known.values()]
        reached = [m.watermark_ms for m in durable if m and m.watermark_ms is not None]
        cursor = self._store.floor_ms(namespace)
        if not reached or (cursor is None and namespace != self._rules.live_namespace):
            return None
        return min(reached) if cursor is None else min(*reached, cursor)
