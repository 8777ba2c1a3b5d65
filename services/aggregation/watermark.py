"""Watermarks: how far event time is complete. Pure; nothing here reads a clock.

The inference hop tells every partition of `scores` how far it has read each
partition of `posts`. What a partition of `scores` has been told so far is a
function of its content alone, so that lateness is the same on every reading.

The watermark is the least `newest` of the partitions that count, less the
allowed lateness, and never goes back. A partition that is idle or has ended
does not count; where none counts, nothing is held back. Until every
partition has been heard of, there is no watermark.
"""

from __future__ import annotations

import msgspec

from services.records import Watermark


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """What was last said of one partition of `posts`."""

    newest_ms: int
    idle: bool = False
    ended: bool = False

    def heard(self, record: Watermark) -> Mark:
        """`newest` never goes back: after a crash, inference says again what it said."""
        return Mark(max(self.newest_ms, record.newest_ms), record.idle, record.ended)


class Marks(msgspec.Struct, frozen=True):
    """What one partition of `scores` has been told about one namespace."""

    partitions: int = 0
    marks: dict[int, Mark] = {}
    watermark_ms: int | None = None

    def heard(self, record: Watermark, allowed_lateness_ms: int) -> Marks:
        """After this record."""
        old = self.marks.get(record.partition)
        new = old.heard(record) if old else Mark(record.newest_ms, record.idle, record.ended)
        marks = {**self.marks, record.partition: new}
        partitions = max(self.partitions, record.partitions)
        now = _least(marks, partitions, allowed_lateness_ms)
        if now is None or (self.watermark_ms is not None and now < self.watermark_ms):
            now = self.watermark_ms
        return Marks(partitions, marks, now)

    @property
    def ended(self) -> bool:
        """Every partition has ended: all panes are closed."""
        heard = len(self.marks) >= self.partitions > 0
        return heard and all(mark.ended for mark in self.marks.values())

    @property
    def newest_ms(self) -> int | None:
        """The newest event time of all partitions."""
        return max((mark.newest_ms for mark in self.marks.values()), default=None)


def _least(marks: dict[int, Mark], partitions: int, allowed_lateness_ms: int) -> int | None:
    if len(marks) < partitions:
        return None
    counting = [m.newest_ms for m in marks.values() if not (m.idle or m.ended)]
    newest = min(counting) if counting else max(m.newest_ms for m in marks.values())
    return newest - allowed_lateness_ms if newest > 0 else None  # 0: it had no post at all


PartitionMarks = dict[str, Marks]
"""Per namespace, what one partition of `scores` has been told."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(PartitionMarks)


def dump(marks: PartitionMarks) -> bytes:
    """As JSON, for the store."""
    return _encoder.encode(marks)


def load(data: bytes) -> PartitionMarks:
    """What `dump` wrote."""
    return _decoder.decode(data) if data else {}
