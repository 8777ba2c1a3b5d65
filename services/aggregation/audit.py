"""The audit: a recount of the streams against the store, number by number.

Compared are, for every topic: totals, every part of every pane within
retention, distinct authors (to 5 %, they are estimates); for every namespace
the deletions; and between the streams, that every post was scored for each
of its topics (or dead-lettered). A topic is compared at the very place up to
which the store says that it has counted, so an audit may run beside the
aggregators; what they have yet to count is reported as lag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from services.aggregation.recount import (
    WIDTHS,
    Lateness,
    Numbers,
    Recount,
    count,
    records_of,
    recount,
)
from services.errors import BadRecord
from services.records import Post, decode
from services.store import schema
from services.store.reader import Reader
from services.store.store import Store
from services.stream import dead_letters
from services.stream.port import Streams

TopicName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """The streams."""

    posts: str
    scores: str
    dead_letters: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not what the streams say."""

    namespace: str
    topic: str
    what: str
    expected: int
    found: int


@dataclass(slots=True)
class Audit:
    """What came out."""

    records: int = 0
    topics: int = 0
    numbers: int = 0
    """How many numbers were compared."""
    posts: int = 0
    lag: int = 0
    """Scored records that the store has yet to count."""
    unscored: int = 0
    """Posts at the end of their partition that inference has yet to score."""
    ambiguous: int = 0
    """Numbers where a post stands on two partitions with two scores: either was accepted."""
    differences: list[Difference] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.differences


def audit(
    streams: Streams,
    store: Store,
    names: Names,
    rules: Lateness | None = None,
    namespace: str | None = None,
) -> Audit:
    """Recount `names.scores` and `names.posts`, of one namespace or all, and compare."""
    rules = rules or Lateness()
    found = recount(streams, names.scores, rules, namespace)
    result = Audit(records=found.records)
    epoch = streams.epoch(names.scores)
    partitions = sorted(streams.ends(names.scores))
    progress = store.progress(names.scores, epoch, partitions)
    positions = {p: at.position for p, at in progress.items()}
    for name in sorted({*found.topics, *_registered(store, namespace)}):
        _compare_topic(result, store, name, found, epoch, positions, rules)
    for name_, ids in found.deleted.items():
        _compare_deletions(result, store, name_, ids, positions.get(0, 0))
    _compare_lineage(result, streams, names, found, namespace)
    return result


def _registered(store: Store, namespace: str | None) -> list[TopicName]:
    reader = Reader(store)
    names = [n.name for n in reader.namespaces()] if namespace is None else [namespace]
    return [(name, topic) for name in names for topic in reader.topics(name)]


def _compare_topic(
    result: Audit,
    store: Store,
    name: TopicName,
    found: Recount,
    epoch: str,
    positions: Mapping[int, int],
    rules: Lateness,
) -> None:
    seen = found.topics.get(name, [])
    watermark = found.watermarks.get(name[0])
    expected, authors, leeway = count(seen, rules)
    slices = sorted({s for number in expected if (s := _slice_of(number)) is not None})
    at, totals, estimate, *panes = store.snapshot(*name, slices)
    applied = {
        int(place.rpartition(":")[2]): int(offset)
        for place, offset in at.items()
        if place.rpartition(":")[0] == epoch
    }
    counted = [s for s in seen if s.offset <= applied.get(s.partition, -1)]
    result.lag += len(seen) - len(counted)
    for lost in (s for s in seen if applied.get(s.partition, -1) < s.offset):
        if lost.offset < positions.get(lost.partition, 0):
            what = f"scores {lost.partition}/{lost.offset} counted"
            result.differences.append(Difference(*name, what, 1, 0))
    if len(counted) < len(seen):
        expected, authors, leeway = count(counted, rules)
    held = _numbers(totals, dict(zip(slices, panes, strict=True)))
    result.topics += 1
    _compare_numbers(result, name, expected, held, leeway, watermark)
    result.numbers += 1
    if abs(estimate - len(authors)) > max(3, 0.05 * len(authors)):
        difference = Difference(*name, "authors", len(authors), estimate)
        result.differences.append(difference)


def _compare_numbers(
    result: Audit,
    name: TopicName,
    expected: Numbers,
    held: Numbers,
    leeway: Mapping[str, int],
    watermark_ms: int | None,
) -> None:
    for number in sorted({*expected, *held}):
        if number == "deleted" or _is_past(number, watermark_ms):
            continue
        result.numbers += 1
        gap = abs(expected[number] - held[number])
        if gap > leeway.get(number, 0):
            found = Difference(*name, number, expected[number], held[number])
            result.differences.append(found)
        elif gap:
            result.ambiguous += 1


def _slice_of(number: str) -> str | None:
    """The key suffix of the slice that holds a pane's number; None for a total."""
    words = number.split(" ")
    return f"{words[0]}:{int(words[1]) // 60}" if len(words) == 3 else None


def _is_past(number: str, watermark_ms: int | None) -> bool:
    """Whether the store may have dropped this pane."""
    words = number.split(" ")
    if len(words) != 3 or watermark_ms is None:
        return False
    width, keep = WIDTHS[words[0]]
    end = (int(words[1]) // 60 + 1) * 60 * width
    return end <= watermark_ms - keep


def _numbers(totals: Mapping[str, str], panes: Mapping[str, Mapping[str, str]]) -> Numbers:
    """What the store holds, named as the recount names it."""
    numbers: Numbers = Counter({name: int(value) for name, value in totals.items()})
    for suffix, held in panes.items():
        resolution, _, number = suffix.partition(":")
        for place, value in held.items():
            pane = int(number) * 60 + int(place)
            parts = zip(schema.PANE_FIELDS, map(int, value.split(" ")), strict=True)
            numbers.update({f"{resolution} {pane} {part}": n for part, n in parts})
    return numbers


def _compare_deletions(
    result: Audit, store: Store, namespace: str, ids: Mapping[str, int], position: int
) -> None:
    """The aggregator may be ahead of its position, never behind it."""
    result.numbers += 1
    found = Reader(store).deleted(namespace)
    least = sum(offset < position for offset in ids.values())
    if not least <= found <= len(ids):
        difference = Difference(namespace, "", "deleted", least, found)
        result.differences.append(difference)


def _compare_lineage(
    result: Audit, streams: Streams, names: Names, found: Recount, namespace: str | None
) -> None:
    dead = set(_dead_places(streams, names))
    for partition, stop in sorted(streams.ends(names.posts).items()):
        reached = max((o for p, o in found.lineage if p == partition), default=-1)
        reached = max(reached, max((o for p, o in dead if p == partition), default=-1))
        for record in records_of(streams, names.posts, partition, stop):
            post = _post(record.value)
            if post is None or namespace not in (None, post.namespace):
                continue
            result.posts += 1
            scored = found.lineage.get((partition, record.offset), set())
            missing = sorted(set(post.topics) - scored)
            if not missing or (partition, record.offset) in dead:
                continue
            if record.offset > reached:
                result.unscored += 1
                continue
            for topic in missing:
                what = f"posts {partition}/{record.offset} scored"
                result.differences.append(Difference(post.namespace, topic, what, 1, 0))


def _post(value: bytes | None) -> Post | None:
    try:
        item = decode(value)
    except BadRecord:
        return None
    return item if isinstance(item, Post) else None


def _dead_places(streams: Streams, names: Names) -> Iterator[tuple[int, int]]:
    """Places in `posts` of records that were dead-lettered."""
    for partition, stop in sorted(streams.ends(names.dead_letters).items()):
        for record in streams.read(names.dead_letters, partition, 0, stop):
            original = dead_letters.decode(record).record
            if original.stream == names.posts:
                yield original.partition, original.offset
