"""Who holds which partition since when, and how far each is done: the worker's books.

A partition is held for a *tenure*: from its assignment to its revocation, with
a number that is never used again. Every batch remembers the tenures under
which its records were polled; what belongs to a tenure that has ended is
another worker's to do, and is neither written nor committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from services.stream.port import Record, Result


@dataclass(slots=True)
class Batch:
    """Records on their way through the stage, in poll order."""

    records: Sequence[Record]
    tenures: Mapping[int, int]
    future: Future[Result] | None = None
    """None until (again) submitted."""

    @property
    def ended(self) -> bool:
        return self.future is not None and self.future.done()

    @property
    def error(self) -> BaseException | None:
        """Why it failed, if it did."""
        return self.future.exception() if self.future and self.ended else None

    @property
    def done(self) -> bool:
        """Whether there is a result to write."""
        return self.ended and self.error is None


class Ledger:
    """Of one consumer on one stream."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}
        """Partition to tenure."""
        self._begun: dict[int, int] = {}
        """Partition to the first offset not yet committed, as far as it is known."""
        self._done: dict[int, int] = {}
        """Partition to the next offset to read, for what is done and not committed."""

    def update(self, assignment: Mapping[int, int]) -> tuple[list[int], list[int]]:
        """Take over who holds what now; the partitions lost, and those gained.

        A partition that was lost and came back in between is in both.
        """
        if assignment == self.held:
            return [], []
        lost = [p for p, tenure in self.held.items() if assignment.get(p) != tenure]
        gained = [p for p, tenure in assignment.items() if self.held.get(p) != tenure]
        for partition in lost:
            self._begun.pop(partition, None)
            self._done.pop(partition, None)
        self.held = dict(assignment)
        return sorted(lost), sorted(gained)

    def polled(self, records: Iterable[Record]) -> None:
        """Remember where uncommitted work begins."""
        for record in records:
            self._begun.setdefault(record.partition, record.offset)

    def batch(self, records: Sequence[Record]) -> Batch:
        return Batch(records, {r.partition: self.held[r.partition] for r in records})

    def alive(self, batch: Batch) -> bool:
        """Whether any of the batch's partitions is still held as it was."""
        return any(self.held.get(p) == tenure for p, tenure in batch.tenures.items())

    def whole(self, batch: Batch) -> bool:
        """Whether all of the batch's partitions are still held as they were."""
        return all(self.held.get(p) == tenure for p, tenure in batch.tenures.items())

    def done(self, batch: Batch) -> None:
        """What came of the batch is written."""
        for record in batch.records:
            partition = record.partition
            if self.held.get(partition) == batch.tenures[partition]:
                self._done[partition] = record.offset + 1

    def positions(self) -> dict[int, int]:
        """What may be committed now."""
        return dict(self._done)

    def committed(self, positions: Mapping[int, int]) -> None:
        for partition, offset in positions.items():
            if self._done.get(partition) == offset:
                del self._done[partition]
            self._begun[partition] = offset

    def sought(self, partition: int, offset: int) -> None:
        """Reading starts anew there."""
        self._begun[partition] = offset
        self._done.pop(partition, None)

    def rewind(self) -> None:
        """Forget what is done and not committed: it will be read again."""
        self._done.clear()

    def begun(self, partition: int) -> int | None:
        """Where reading has to start again to miss nothing; None where nothing was read."""
        return self._begun.get(partition)
