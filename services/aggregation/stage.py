"""The aggregation hop's stage: scored posts in, counts and rolling windows in the store.

Synchronous: one batch at a time. Nothing of ours changes before the store has
taken the batch, so a batch may be submitted again after any failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from services import metrics
from services.aggregation.deletions import Deletions
from services.aggregation.gather import Gathered, Rules, TopicName, entry, gather
from services.aggregation.kept import candidates
from services.aggregation.places import Places
from services.aggregation.registry import Registry
from services.aggregation.touched import Touched
from services.aggregation.watermark import Marks, PartitionMarks
from services.aggregation.windows import Windows
from services.errors import Rewound, Unavailable
from services.records import Scored
from services.store import schema
from services.store.reader import Reader
from services.store.store import Store, TopicBatch
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
        self._stale = True
        self._places = Places()
        self._registry = Registry(store, options.live, lambda: streams.partitions(options.scores))
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
        if epoch != self._epoch and self._places.beside(partitions):
            self._stale = True
            raise Rewound(f"{self.stream} was made anew under us")
        if self._stale or epoch != self._epoch:
            self._begin(epoch)
        stored = self._store.progress(self.stream, epoch, partitions)
        for partition in partitions:
            fresh = {} if partition in stored else self._fresh_marks()
            self._places.begin(partition, stored.get(partition), fresh)
        return {p: stored[p].position if p in stored else 0 for p in partitions}

    def from_the_start(self, partitions: Sequence[int]) -> None:
        """For a rebuild: count these partitions from their first offset, nothing known."""
        self._begin(self._streams.epoch(self.stream))
        for partition in partitions:
            self._places.begin(partition, None, {})

    def revoked(self, partitions: Sequence[int]) -> None:
        self._places.end(partitions)

    def tick(self) -> Sequence[Output]:
        """Registry, watermarks and the rolling windows that are due."""
        self._store.beat(self._worker)
        self._registry.publish(self._places)
        self._windows.write(self._window_end)
        return ()

    def settle(self) -> None:
        """Write everything that a tick would, however long it takes."""
        self._registry.publish(self._places)
        self._windows.write(self._window_end, everything=True)

    def flush(self, positions: Mapping[int, int]) -> None:
        """Write positions, once what they cover is durable; drop what is past its use."""
        self._registry.publish(self._places)
        new = self._places.at(positions)
        self._store.make_durable()
        with self._session():
            self._store.advance(self.stream, self._epoch, self._places.stored, new)
        self._places.wrote(new)
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
        parts, dead = gather(records, self._places.marks, self._rules)
        for part in parts:
            if part.partition not in self._places:
                raise Rewound(f"partition {part.partition} is not ours any more")
            with self._session():
                self._count(part)
            self._places.reach(part.partition, part.next_offset, part.marks)
        return Result(dead=dead)

    def _count(self, part: Gathered) -> None:
        newest = {
            name: max(record.created_at_ms for _, record, _ in records)
            for name, records in part.scored.items()
        }
        self._registry.register(newest, part.marked, self._clock_ms())
        gone = self._deletions.gone(part)
        batches = [self._batch(name, records, gone) for name, records in part.scored.items()]
        self._deletions.note_kept(part.partition, batches)
        counted = self._store.apply(f"{self._epoch}:{part.partition}", batches)
        metrics.POSTS_COUNTED.inc(sum(map(len, counted)))
        for batch in batches:
            self._touched.note(batch.namespace, batch.topic, batch.entries)
        self._registry.note(newest)
        for name, ms in newest.items():
            self._windows.touch(name, ms)
        for name, created in self._deletions.scrub(part):
            self._windows.touch(name, created, refresh=True)

    def _batch(
        self, name: TopicName, records: Sequence[tuple[int, Scored, int]], gone: set[str]
    ) -> TopicBatch:
        entries = [entry(*item) for item in records]
        expiries = self._touched.expiries(*name, entries)
        return TopicBatch(*name, entries, *candidates(records, entries, gone), expiries)

    # -- time -----------------------------------------------------------------------

    def _now_ms(self, namespace: str) -> int | None:
        """Now, in a namespace: the clock where it is live, else the newest event time."""
        if namespace == self._rules.live_namespace:
            return self._clock_ms()
        told = [marks.newest_ms for marks in self._places.of(namespace)]
        known = [ms for ms in (*told, self._registry.newest_ms(namespace)) if ms]
        return max(known, default=None)

    def _window_end(self, namespace: str) -> int | None:
        now = self._now_ms(namespace)
        return None if now is None else schema.window_end(now)

    def _drop_old(self) -> None:
        """Drop what no post can touch again: behind every flushed watermark less the memory,
        behind every cursor, and behind what alerts are judged of. A replay without a cursor may
        yet start from its beginning."""
        for namespace in self._touched.namespaces():
            reached = self._places.durable_ms(namespace)
            if reached is None:
                continue
            cursor = self._store.floor_ms(namespace)
            if cursor is None and namespace != self._rules.live_namespace:
                continue
            floors = (reached, cursor, self._unjudged_ms(namespace, reached))
            floor = min(ms for ms in floors if ms is not None)
            self._store.remove(list(self._touched.drop(namespace, floor)))

    def _unjudged_ms(self, namespace: str, reached_ms: int) -> int | None:
        """From where on alerts are yet to be judged: explaining one needs what is dropped here."""
        judged = self._store.judged_ms(namespace)
        if judged is None or namespace != self._rules.live_namespace:
            return judged
        return max(judged, reached_ms - schema.UNJUDGED_MS)

    # -- the session with the store ---------------------------------------------------

    def _begin(self, epoch: str) -> None:
        """What we knew of the store counts no more."""
        self._store.begin_session()
        self._touched.forget()
        self._registry.forget()
        self._places.clear()
        self._epoch, self._stale = epoch, False

    @contextmanager
    def _session(self) -> Iterator[None]:
        """A step that finds another server behind the store ends the session."""
        try:
            yield
        except Rewound:
            self._stale = True
            raise

    def _fresh_marks(self) -> PartitionMarks:
        """Nothing is known of a new partition. A live namespace's watermark goes on from before,
        where the stream itself is new (an embedded run): old posts stay too late."""
        if self._store.has_progress(self.stream, self._epoch):
            return {}
        live = self._rules.live_namespace
        before = Reader(self._store).watermark(live).ms
        return {} if before is None else {live: Marks(watermark_ms=before)}
