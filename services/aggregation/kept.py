"""Which posts of a batch may be kept: those that weigh most, and those that a sample draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nlargest

from services.records import Scored
from services.store import schema
from services.store.posts import document
from services.store.schema import Tier
from services.store.store import TOO_LATE, Entry, Slice

_Named = tuple[str, int, int]
"""Field, created_ms, index of the record from 1."""


def candidates(
    records: Sequence[tuple[int, Scored, int]], entries: Sequence[Entry], gone: set[str]
) -> tuple[list[Slice], dict[int, str]]:
    """Of one topic's records, with their entries: who may be among a slice's greatest, and
    their documents by index from 1. Deleted posts (`gone`, by digest) are left out."""
    heavy: list[_Named] = []
    drawn: list[_Named] = []
    seen: set[str] = set()
    for index, (_, record, flags) in enumerate(records, start=1):
        digest = entries[index - 1][1]
        if digest in seen or flags & TOO_LATE or digest in gone:
            continue  # only the first of an id can be counted
        seen.add(digest)
        created = record.created_at_ms
        tail = f"{created:013d}:{record.id}"
        heavy.append((f"{abs(record.score):05d}:{tail}", created, index))
        drawn.append((f"{schema.rank(digest)}:{tail}", created, index))
    found = [*_greatest(schema.TOPS, heavy), *_greatest(schema.SAMPLES, drawn)]
    kept = {index for _, _, named in found for index in named[1::2] if isinstance(index, int)}
    return found, {index: document(records[index - 1][1]) for index in sorted(kept)}


def _greatest(tiers: Sequence[Tier], named: Sequence[_Named]) -> Iterator[Slice]:
    """As many of each slice as it keeps."""
    for tier in tiers:
        slices: dict[int, list[_Named]] = defaultdict(list)
        for one in named:
            slices[one[1] // tier.width_ms].append(one)
        for number, found in slices.items():
            best = found if len(found) <= tier.limit else nlargest(tier.limit, found)
            pairs = [part for name, _, index in best for part in (name, index)]
            yield f"{tier.name}{number}", tier.limit, pairs
