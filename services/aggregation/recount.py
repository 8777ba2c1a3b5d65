"""A recount of the streams, for the audit: what the store must hold, number by number.

Written apart from the code that counts, and sharing none of its arithmetic,
so that a mistake there does not repeat itself here. Everything is in memory:
about 300 bytes a scored record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.errors import BadRecord, UsageError
from services.records import Deletion, Scored, Watermark, decode
from services.stream.port import Record, Streams

CHUNK = 1_000
"""Records per read; a post may carry 100 kB of pictures."""
HOUR_MS = 3_600_000
WIDTHS = {
    "10s": (10_000, 6 * HOUR_MS),
    "1m": (60_000, 168 * HOUR_MS),
    "1h": (HOUR_MS, 9600 * HOUR_MS),
}
"""Per resolution: a pane's width, and how long it is kept behind the watermark."""
LABELS = ("negative", "neutral", "positive")
TopicName = tuple[str, str]
Numbers = Counter[str]
"""By name: a total ("late"), or a part of a pane ("1m 29166666 sum")."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One scored record, as far as counting needs it."""

    partition: int
    offset: int
    id: str
    created_ms: int
    label: int
    score: int
    author: str
    repost: bool
    image: bool
    unseen: bool
    watermark_ms: int | None
    """Of its partition of `scores`, at its place."""


@dataclass(slots=True)
class Recount:
    """What the stream of scored posts holds, of one namespace or all."""

    topics: dict[TopicName, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    deleted: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """Per namespace: post id to the first offset of its deletion on partition 0."""
    lineage: dict[tuple[int, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Per place in `posts`: the topics it was scored for."""
    watermarks: dict[str, int] = field(default_factory=dict)
    """Per namespace, the newest watermark of any partition."""
    records: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Lateness:
    """The rules of time that the aggregators ran with."""

    live: str = "live"
    allowed_ms: int = 30_000
    memory_ms: int = 24 * HOUR_MS


def records_of(streams: Streams, stream: str, partition: int, stop: int) -> Iterator[Record]:
    """Every record from the first offset on; `UsageError` where the beginning is gone."""
    expected = 0
    while expected < stop:
        chunk = streams.read(stream, partition, expected, min(stop, expected + CHUNK))
        if not chunk or chunk[0].offset != expected:
            first = chunk[0].offset if chunk else stop
            raise UsageError(
                f"{stream}/{partition} no longer holds offsets {expected} to {first - 1}: only a "
                "stream that is whole can be recounted (raise its retention, or compare sooner)"
            )
        yield from chunk
        expected = chunk[-1].offset + 1


def recount(streams: Streams, stream: str, rules: Lateness, namespace: str | None) -> Recount:
    """Read the whole stream of scored posts."""
    found = Recount()
    for partition, stop in sorted(streams.ends(stream).items()):
        clock = _Clock(rules)
        for record in records_of(streams, stream, partition, stop):
            found.records += 1
            try:
                item = decode(record.value)
            except BadRecord:
                found.refused += 1
                continue
            if namespace is None or item.namespace == namespace:
                _take(found, clock, partition, record.offset, item)
        for name, ms in clock.watermarks.items():
            found.watermarks[name] = max(ms, found.watermarks.get(name, ms))
    return found


def _take(found: Recount, clock: _Clock, partition: int, offset: int, item: object) -> None:
    if isinstance(item, Watermark):
        clock.hear(item)
    elif isinstance(item, Deletion) and partition == 0:
        found.deleted[item.namespace].setdefault(item.id, offset)
    elif isinstance(item, Scored):
        found.lineage[item.partition, item.offset].add(item.topic)
        found.topics[item.namespace, item.topic].append(
            Seen(
                partition,
                offset,
                item.id,
                item.created_at_ms,
                item.label,
                item.score,
                item.author,
                item.kind == "repost",
                item.has_image,
                item.unseen_language,
                clock.watermarks.get(item.namespace),
            )
        )


class _Clock:
    """The watermarks of one partition of `scores`, as its markers told them."""

    def __init__(self, rules: Lateness) -> None:
        self._rules = rules
        self._told: dict[str, dict[int, tuple[int, bool]]] = defaultdict(dict)
        self._partitions: Counter[str] = Counter()
        self.watermarks: dict[str, int] = {}

    def hear(self, mark: Watermark) -> None:
        name = mark.namespace
        told = self._told[name]
        newest = max(mark.newest_ms, told.get(mark.partition, (0, False))[0])
        told[mark.partition] = (newest, mark.idle or mark.ended)
        self._partitions[name] = max(self._partitions[name], mark.partitions)
        if len(told) < self._partitions[name]:
            return
        holding = [ms for ms, free in told.values() if not free]
        least = min(holding) if holding else max(ms for ms, _ in told.values())
        if least > 0:
            allowed = self._rules.allowed_ms if name == self._rules.live else 0
            self.watermarks[name] = max(least - allowed, self.watermarks.get(name, 0))


def count(seen: Sequence[Seen], rules: Lateness) -> tuple[Numbers, set[str], Mapping[str, int]]:
    """One topic's records, in partition order: its numbers, authors, and by how much each may
    differ where a post stands on two partitions with different scores."""
    numbers: Numbers = Counter()
    authors: set[str] = set()
    first: dict[tuple[str, int], Seen] = {}
    leeway: Counter[str] = Counter()
    for record in seen:
        if record.watermark_ms is not None and (
            record.created_ms < record.watermark_ms - rules.memory_ms
        ):
            numbers["too_late"] += 1
            continue
        key = record.id, record.created_ms // HOUR_MS
        if key in first:
            numbers["duplicates"] += 1
            if first[key].partition != record.partition:
                _widen(leeway, first[key], record)
            continue
        first[key] = record
        numbers.update(share_of(record))
        if record.author:
            authors.add(record.author)
    if first:
        times = [record.created_ms for record in first.values()]
        numbers["first_post"], numbers["last_post"] = min(times), max(times)
    return numbers, authors, leeway


def share_of(record: Seen) -> Numbers:
    """What one counted record adds."""
    late = record.watermark_ms is not None and record.created_ms < record.watermark_ms
    parts = {
        LABELS[record.label]: 1,
        "sum": record.score,
        "squares": record.score**2,
        "late": int(late),
        "reposts": int(record.repost),
        "images": int(record.image),
    }
    numbers: Numbers = Counter(parts)
    numbers["unseen_language"] = int(record.unseen)
    for name, (width, keep) in WIDTHS.items():
        whole = 60 * width  # sixty panes are dropped together
        end = (record.created_ms // whole + 1) * whole
        if record.watermark_ms is None or end > record.watermark_ms - keep:
            pane = record.created_ms // width
            numbers.update({f"{name} {pane} {part}": n for part, n in parts.items()})
    return numbers


def _widen(leeway: Counter[str], one: Seen, other: Seen) -> None:
    a, b = share_of(one), share_of(other)
    for name in {*a, *b}:
        leeway[name] += abs(a[name] - b[name])
