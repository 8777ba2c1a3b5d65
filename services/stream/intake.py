"""What comes in: the worker's membership in its group, and the records it holds back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from services import metrics
from services.stream.ledger import Batch, Ledger
from services.stream.port import Consumer, Record, Stage, Streams

log = logging.getLogger(__name__)


class Intake:
    """Polls, follows the group, and keeps what the stage can't take yet.

    Every call may raise `Unavailable`, and may then be made again.
    """

    def __init__(
        self,
        stage: Stage,
        streams: Streams,
        group: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage, self._streams, self._group, self._clock = stage, streams, group, clock
        self._consumer: Consumer | None = None
        self._paused = False
        self._unplaced: set[int] = set()
        self._kept: list[Record] = []
        self.ledger = Ledger()
        self.polled_s = clock()
        """When it last polled."""

    def __len__(self) -> int:
        """Records that are polled and not yet taken."""
        return len(self._kept)

    @property
    def placed(self) -> bool:
        """Whether the stage has said where to start every partition that is held."""
        return not self._unplaced

    @property
    def opened(self) -> bool:
        return self._consumer is not None

    def behind(self) -> int:
        """How many records of the stream the group has yet to commit."""
        done = self._streams.committed(self._stage.stream, self._group)
        ends = self._streams.ends(self._stage.stream)
        return sum(end - done.get(partition, 0) for partition, end in ends.items())

    def pause(self, paused: bool) -> None:
        """Poll for the sake of the group alone, or for records again."""
        if self._consumer is not None and paused != self._paused:
            partitions = list(self.ledger.held)
            (self._consumer.pause if paused else self._consumer.resume)(partitions)
            self._paused = paused

    def poll(self, wanted: int, timeout_s: float) -> int:
        """Keep what one poll brings; how many records that is."""
        if self._consumer is None:
            self._consumer = self._streams.consumer(self._stage.stream, self._group)
        records = self._consumer.poll(max(1, wanted), timeout_s)
        self.polled_s = self._clock()
        self._follow(self._consumer)
        self._kept += records
        self.ledger.polled(records)
        metrics.RECORDS_READ.labels(self._stage.name).inc(len(records))
        return len(records)

    def _follow(self, consumer: Consumer) -> None:
        """End tenures, begin tenures."""
        lost, gained = self.ledger.update(consumer.assignment())
        if lost:
            log.info("%s: partitions %s are another's now", self._stage.name, lost)
            self._kept = [r for r in self._kept if r.partition not in lost]
            self._unplaced -= set(lost)
            self._stage.revoked(lost)
        if gained:
            log.info("%s: partitions %s are ours now", self._stage.name, gained)
            self._unplaced |= set(gained)
            if self._paused:
                consumer.pause(gained)

    def place(self) -> bool:
        """Ask the stage where to start partitions that are new, or to be read again."""
        if not self._unplaced or self._consumer is None:
            return False
        starts = self._stage.assigned(sorted(self._unplaced))
        for partition in sorted(self._unplaced):
            offset = starts.get(partition, self.ledger.begun(partition))
            mine = [r.offset for r in self._kept if r.partition == partition]
            if offset is not None and mine[:1] != [offset]:
                self._kept = [r for r in self._kept if r.partition != partition]
                self._consumer.seek(partition, offset)
                self.ledger.sought(partition, offset)
        self._unplaced.clear()
        return True

    def take(self, count: int) -> Batch:
        """The oldest records kept, as a batch under the tenures of now."""
        records, self._kept = self._kept[:count], self._kept[count:]
        return self.ledger.batch(records)

    def commit(self, positions: Mapping[int, int]) -> None:
        if self._consumer is not None and self._consumer.commit(positions):
            self.ledger.committed(positions)

    def rewind(self) -> None:
        """Read everything again that is not committed, from where the stage says."""
        self._kept.clear()
        self.ledger.rewind()
        self._unplaced = set(self.ledger.held)

    def forget(self) -> None:
        """Drop what is kept: it stays uncommitted."""
        self._kept.clear()

    def close(self) -> None:
        """Leave the group."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer = None
