"""What is known of each partition of `scores` that this worker holds.

Marks belong to a place in the stream: what is written with a position must be
what was known right there, so that a reader who starts there decides lateness
as this one did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.aggregation import watermark
from services.aggregation.watermark import Marks, PartitionMarks
from services.store.store import Progress


@dataclass(slots=True)
class _Place:
    marks: PartitionMarks
    """As of the last batch."""
    stored: Progress | None
    """What the store holds, as far as we know."""
    reached: list[tuple[int, PartitionMarks]] = field(default_factory=list)
    """Since then: (next offset, marks there), a batch each."""


class Places:
    """Partitions held, with their marks and positions."""

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}

    def begin(self, partition: int, stored: Progress | None, fresh: PartitionMarks) -> None:
        """Start a partition where the store stands; with `fresh` marks where it never was."""
        marks = fresh if stored is None else watermark.load(stored.marks)
        self._places[partition] = _Place(marks, stored)

    def end(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._places.pop(partition, None)

    def clear(self) -> None:
        self._places.clear()

    def beside(self, partitions: Sequence[int]) -> bool:
        """Whether we hold any other partition than these."""
        return bool(self._places.keys() - set(partitions))

    def __contains__(self, partition: int) -> bool:
        return partition in self._places

    @property
    def marks(self) -> dict[int, PartitionMarks]:
        """Per partition, what it was told up to its last batch."""
        return {partition: place.marks for partition, place in self._places.items()}

    @property
    def stored(self) -> dict[int, Progress]:
        """Per partition, what we last knew the store to hold."""
        return {p: place.stored for p, place in self._places.items() if place.stored is not None}

    def reach(self, partition: int, next_offset: int, marks: PartitionMarks) -> None:
        """A batch was counted."""
        place = self._places[partition]
        place.marks = marks
        place.reached.append((next_offset, marks))

    def at(self, positions: Mapping[int, int]) -> dict[int, Progress]:
        """What to write for these positions, of the partitions that we hold."""
        return {p: self._at(self._places[p], at) for p, at in positions.items() if p in self}

    def _at(self, place: _Place, position: int) -> Progress:
        passed = [marks for offset, marks in place.reached if offset <= position]
        if passed:
            return Progress(position, watermark.dump(passed[-1]))
        return Progress(position, place.stored.marks if place.stored else b"")

    def wrote(self, written: Mapping[int, Progress]) -> None:
        """The store holds this now."""
        for partition, progress in written.items():
            place = self._places[partition]
            place.stored = progress
            place.reached = [(o, marks) for o, marks in place.reached if o > progress.position]

    def of(self, namespace: str) -> list[Marks]:
        """A namespace's marks on every partition that was told of it."""
        return [p.marks[namespace] for p in self._places.values() if namespace in p.marks]

    def durable_ms(self, namespace: str) -> int | None:
        """The watermark that every partition has reached in the store; None while one has none."""
        reached = []
        for place in self._places.values():
            marks = watermark.load(place.stored.marks) if place.stored else {}
            reached.append(marks[namespace].watermark_ms if namespace in marks else None)
        known = [ms for ms in reached if ms is not None]
        return min(known) if known and len(known) == len(reached) else None

    def watermark_fields(self, namespace: str) -> dict[str, int]:
        """What to publish of a namespace: per partition its watermark, and whether it has ended."""
        fields: dict[str, int] = {}
        for partition, place in self._places.items():
            marks = place.marks.get(namespace)
            if marks is not None and marks.watermark_ms is not None:
                fields[str(partition)] = marks.watermark_ms
                if marks.ended:
                    fields[f"ended:{partition}"] = 1
        return fields
