"""What a stream in memory holds. Its lock is `services.stream.memory.MemoryStreams`'s."""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from dataclasses import dataclass, field

from services.stream.port import Record


@dataclass(slots=True)
class Partition:
    """Records that are kept, and the offset that the next one gets."""

    records: deque[Record] = field(default_factory=deque)
    end: int = 0

    @property
    def start(self) -> int:
        return self.end - len(self.records)

    def slice(self, start: int, stop: int) -> list[Record]:
        first = max(start, self.start) - self.start
        return list(itertools.islice(self.records, first, max(first, stop - self.start)))


@dataclass(slots=True)
class Group:
    """What a consumer group has committed, and who holds which partition."""

    committed: dict[int, int] = field(default_factory=dict)
    members: list[object] = field(default_factory=list)
    owners: dict[int, object] = field(default_factory=dict)


class Stream:
    """One stream: its partitions and the groups that read it."""

    def __init__(self, partitions: int) -> None:
        self.epoch = uuid.uuid4().hex
        self.partitions = [Partition() for _ in range(partitions)]
        self.groups: dict[str, Group] = {}
        self.turn = itertools.count()

    def low(self, partition: int) -> int:
        """The first offset that some group has yet to commit."""
        end = self.partitions[partition].end
        return min((g.committed.get(partition, 0) for g in self.groups.values()), default=end)

    def trim(self, tail: int) -> None:
        for number, partition in enumerate(self.partitions):
            low = self.low(number)
            while len(partition.records) > tail and partition.start < low:
                partition.records.popleft()

    def waiting(self) -> int:
        return sum(p.end - max(self.low(n), p.start) for n, p in enumerate(self.partitions))
