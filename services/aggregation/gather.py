"""From a batch of records to what the store counts: grouped by topic, lateness decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.aggregation.panes import is_kept
from services.aggregation.watermark import Marks, PartitionMarks
from services.errors import BadRecord
from services.records import REPOST as REPOST_KIND
from services.records import Deletion, Scored, Watermark, decode
from services.store import schema
from services.store.store import (
    IMAGE,
    LATE,
    NO_PANE,
    REPOST,
    TOO_LATE,
    UNSEEN_LANGUAGE,
    Entry,
)
from services.stream.port import DeadLetter, Record

TopicName = tuple[str, str]
"""(namespace, topic)."""


@dataclass(slots=True)
class Gathered:
    """One batch of one scores partition, nothing applied yet."""

    partition: int
    next_offset: int
    marks: PartitionMarks
    scored: dict[TopicName, list[tuple[int, Scored, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Per topic: (offset, record, flags), in offset order."""
    deletions: list[Deletion] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)
    """Namespaces whose marks moved."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides lateness, per kind of namespace."""

    live_namespace: str = "live"
    allowed_lateness_ms: int = 30_000
    """Live only; a replay comes in event-time order and allows none."""
    id_memory_ms: int = 24 * schema.HOUR_MS

    def lateness_ms(self, namespace: str) -> int:
        return self.allowed_lateness_ms if namespace == self.live_namespace else 0

    def flags(self, record: Scored, watermark_ms: int | None) -> int:
        """The flags of an entry, by the watermark at the record's place in the stream."""
        flags = REPOST if record.kind == REPOST_KIND else 0
        flags |= IMAGE if record.has_image else 0
        flags |= UNSEEN_LANGUAGE if record.unseen_language else 0
        if watermark_ms is None or record.created_at_ms >= watermark_ms:
            return flags
        if record.created_at_ms < watermark_ms - self.id_memory_ms:
            return flags | TOO_LATE
        for resolution in schema.RESOLUTIONS:
            if not is_kept(record.created_at_ms, resolution, watermark_ms):
                flags |= NO_PANE[resolution.name]
        return flags | LATE


def gather(
    records: Sequence[Record], marks: dict[int, PartitionMarks], rules: Rules
) -> tuple[list[Gathered], list[DeadLetter]]:
    """Sort a batch out by partition. `marks` is what each partition was told before it."""
    parts: dict[int, Gathered] = {}
    dead = []
    for record in records:
        part = parts.get(record.partition)
        if part is None:
            known = dict(marks.get(record.partition, {}))
            part = parts[record.partition] = Gathered(record.partition, 0, known)
        part.next_offset = record.offset + 1
        try:
            _take(part, record, rules)
        except BadRecord as error:
            dead.append(DeadLetter(record, error.reason, str(error)))
    return list(parts.values()), dead


def _take(part: Gathered, record: Record, rules: Rules) -> None:
    item = decode(record.value)
    if not isinstance(item, Scored | Watermark | Deletion):
        raise BadRecord("unexpected_kind", f"a {type(item).__name__} does not belong on scores")
    if isinstance(item, Scored):
        marks = part.marks.get(item.namespace)
        flags = rules.flags(item, marks.watermark_ms if marks else None)
        part.scored[item.namespace, item.topic].append((record.offset, item, flags))
    elif isinstance(item, Deletion):
        part.deletions.append(item)
    else:
        old = part.marks.get(item.namespace, Marks())
        part.marks[item.namespace] = old.heard(item, rules.lateness_ms(item.namespace))
        part.marked.add(item.namespace)


def entry(offset: int, record: Scored, flags: int) -> Entry:
    """What the `apply` script needs of a record."""
    author = schema.digest(record.author) if record.author else ""
    return (
        offset,
        schema.digest(record.id),
        record.created_at_ms,
        record.label,
        record.score,
        flags,
        author,
    )
