"""Streams in the memory of one process: bounded, deterministic, gone with it.

A record is let go once every group has committed past it and `tail` newer
ones lie behind it; a stream that no group reads keeps its tail alone, so open
consumers before anything is sent. The bound is a hint (`room`), never a wall:
whoever sends looks first, and what one batch makes always fits.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from services.stream.journal import Journal
from services.stream.lag import LagGauge
from services.stream.memory_state import Group, Partition, Stream
from services.stream.partitioner import partition_of
from services.stream.port import ALL_PARTITIONS, Output, Record


class MemoryStreams:
    """`services.stream.port.Streams` without a server. Thread-safe."""

    def __init__(
        self,
        partitions: int = 1,
        *,
        capacity: int = 2_000,
        tail: int = 100,
        journals: Mapping[str, Path] | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Streams come to be when first named. `tail` counts records of a partition.

        A stream named in `journals` has one partition, and is kept in that file.
        """
        self._partitions, self._capacity, self._tail = partitions, capacity, tail
        self._clock_ms = clock_ms
        self._streams: dict[str, Stream] = {}
        self._journals = {name: Journal(path) for name, path in (journals or {}).items()}
        self.changed = threading.Condition(threading.RLock())
        self.tenures = itertools.count(1)

    def stream(self, name: str) -> Stream:
        with self.changed:
            if name in self._journals and name not in self._streams:
                self._streams[name] = made = Stream(1)
                made.partitions[0].records.extend(self._journals[name].load(name))
                made.partitions[0].end = len(made.partitions[0].records)
            elif name not in self._streams:
                self._streams[name] = Stream(self._partitions)
            return self._streams[name]

    def producer(self) -> MemoryProducer:
        return MemoryProducer(self)

    def consumer(self, stream: str, group: str) -> MemoryConsumer:
        return MemoryConsumer(self, stream, group)

    def partitions(self, stream: str) -> int:
        return len(self.stream(stream).partitions)

    def epoch(self, stream: str) -> str:
        return self.stream(stream).epoch

    def ends(self, stream: str) -> Mapping[int, int]:
        with self.changed:
            return {n: p.end for n, p in enumerate(self.stream(stream).partitions)}

    def read(self, stream: str, partition: int, start: int, stop: int) -> Sequence[Record]:
        with self.changed:
            return self.stream(stream).partitions[partition].slice(start, stop)

    def room(self, stream: str) -> int:
        with self.changed:
            return max(0, self._capacity - self.stream(stream).waiting())

    def create_streams(self, streams: Mapping[str, int]) -> None:
        """Make streams with so many partitions each, or add what is missing to them."""
        with self.changed:
            for name, count in streams.items():
                made = self._streams.setdefault(name, Stream(count))
                made.partitions += [Partition() for _ in range(count - len(made.partitions))]
            self.changed.notify_all()

    def committed(self, stream: str, group: str) -> Mapping[int, int]:
        """What the group has committed; nothing for a group that was never there."""
        with self.changed:
            found = self.stream(stream).groups.get(group)
            return dict(found.committed) if found else {}

    def close(self) -> None:
        """Forget everything."""
        with self.changed:
            self._streams.clear()
            for journal in self._journals.values():
                journal.close()

    def append(self, output: Output) -> None:
        with self.changed:
            stream, now_ms = self.stream(output.stream), self._clock_ms()
            journal = self._journals.get(output.stream)
            if journal is not None:
                journal.append(output, now_ms)
            for number in _targets(stream, output):
                place = stream.partitions[number]
                record = Record(
                    output.stream,
                    number,
                    place.end,
                    output.key,
                    output.value,
                    now_ms,
                    tuple(output.headers),
                )
                place.records.append(record)
                place.end += 1
                if journal is None and not stream.groups and len(place.records) > self._tail:
                    place.records.popleft()
            self.changed.notify_all()

    def commit(self, stream: str, group: str, offsets: Mapping[int, int]) -> None:
        with self.changed:
            self.stream(stream).groups[group].committed.update(offsets)
            self.stream(stream).trim(self._tail)
            self.changed.notify_all()


def _targets(stream: Stream, output: Output) -> Sequence[int]:
    count = len(stream.partitions)
    if output.partition == ALL_PARTITIONS:
        return range(count)
    if output.partition is not None:
        return [output.partition]
    if output.key is None:
        return [next(stream.turn) % count]
    return [partition_of(output.key, count)]


class MemoryProducer:
    """`services.stream.port.Producer`: what is sent is there at once."""

    def __init__(self, streams: MemoryStreams) -> None:
        self._streams = streams

    def send(self, output: Output) -> None:
        self._streams.append(output)

    def flush(self, timeout_s: float) -> None:
        """Nothing is ever buffered."""

    def close(self) -> None:
        """Nothing is held."""


class MemoryConsumer:
    """`services.stream.port.Consumer`: partitions are dealt out evenly, in order of joining.

    A partition changes hands in two steps, as in Kafka's cooperative protocol:
    its holder lets go in a poll of its own, then the next one's poll takes it.
    """

    def __init__(self, streams: MemoryStreams, stream: str, group: str) -> None:
        self._streams, self._name, self._group_name = streams, stream, group
        self._positions: dict[int, int] = {}
        self._tenures: dict[int, int] = {}
        self._paused: set[int] = set()
        self._next = 0
        self._lag = LagGauge(stream, group)
        with streams.changed:
            self._stream = streams.stream(stream)
            self._group = self._stream.groups.setdefault(group, Group())
            self._group.members.append(self)

    def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        deadline = time.monotonic() + timeout_s
        with self._streams.changed:
            while True:
                self._rebalance()
                records = self._take(max_records)
                left = deadline - time.monotonic()
                if records or left <= 0:
                    self._show_lag()
                    return records
                self._streams.changed.wait(left)

    def _take(self, max_records: int) -> list[Record]:
        """From one partition after another, beginning behind the one served last."""
        taken: list[Record] = []
        ready = sorted(set(self._positions) - self._paused)
        ready = [p for p in ready if p >= self._next] + [p for p in ready if p < self._next]
        for number in ready:
            start = self._positions[number]
            more = self._stream.partitions[number].slice(start, start + max_records - len(taken))
            if more:
                taken += more
                self._positions[number] = more[-1].offset + 1
                self._next = number + 1
            if len(taken) >= max_records:
                break
        return taken

    def _show_lag(self) -> None:
        partitions = self._stream.partitions
        self._lag.show({p: partitions[p].end - at for p, at in self._positions.items()})

    def _rebalance(self) -> None:
        group = self._group
        mine = {
            number
            for number in range(len(self._stream.partitions))
            if group.members[number % len(group.members)] is self
        }
        for number in set(self._positions) - mine:
            self._let_go(number)
        for number in sorted(mine - set(self._positions)):
            if group.owners.get(number) is None:
                group.owners[number] = self
                start = self._stream.partitions[number].start
                self._positions[number] = max(start, group.committed.get(number, 0))
                self._tenures[number] = next(self._streams.tenures)

    def _let_go(self, number: int) -> None:
        del self._positions[number], self._tenures[number], self._group.owners[number]
        self._paused.discard(number)
        self._streams.changed.notify_all()

    def assignment(self) -> Mapping[int, int]:
        return dict(self._tenures)

    def pause(self, partitions: Sequence[int]) -> None:
        self._paused |= set(partitions) & set(self._positions)

    def resume(self, partitions: Sequence[int]) -> None:
        self._paused -= set(partitions)

    def seek(self, partition: int, offset: int) -> None:
        if partition not in self._positions:
            raise ValueError(f"partition {partition} is not held")
        self._positions[partition] = offset

    def commit(self, offsets: Mapping[int, int]) -> bool:
        held = {p: o for p, o in offsets.items() if p in self._positions}
        self._streams.commit(self._name, self._group_name, held)
        return True

    def close(self) -> None:
        with self._streams.changed:
            for number in list(self._positions):
                self._let_go(number)
            if self in self._group.members:
                self._group.members.remove(self)
        self._lag.show({})
