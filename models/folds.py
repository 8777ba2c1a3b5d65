"""Which pairs are copies of each other, and folds that never part them.

A pair is a copy of another when their words are the same (links, mentions,
case and punctuation aside) or their pictures are (by perceptual hash). A model
that sees one in training would be examined on what it knows by heart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]

_NOISE = re.compile(r"https?[:/]\S*|@\w+:?|\brt\b|[^\w\s]|_", re.IGNORECASE)
_MIN_KEY = 12  # shorter texts ("happy birthday") are said by many: no copies
_BANDS, _MAX_BITS = 8, 7  # hashes within 7 of 128 bits share one of 8 bands


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers of one fold: train, dev, test (80:10:10)."""

    train: Rows
    dev: Rows
    test: Rows


def text_key(text: str) -> str:
    """What a text says, without links, mentions, case and punctuation."""
    return " ".join(_NOISE.sub(" ", text).lower().split())


def copies(
    texts: Sequence[str], hashes: npt.NDArray[np.uint64] | None = None
) -> list[tuple[int, int, str]]:
    """Pairs of rows that are copies: (row, later row, "text" or "picture").

    `hashes` (N, 2) come from `models.picture.perceptual_hash`. Of more than two
    copies of a text each is paired with the first.
    """
    first: dict[str, int] = {}
    found: list[tuple[int, int, str]] = []
    for row, text in enumerate(texts):
        key = text_key(text)
        if len(key) >= _MIN_KEY and first.setdefault(key, row) != row:
            found.append((first[key], row, "text"))
    if hashes is not None:
        found += [(a, b, "picture") for a, b in _near(hashes)]
    return found


def _near(hashes: npt.NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Rows whose 128-bit hashes differ in at most _MAX_BITS bits."""
    bands = np.ascontiguousarray(hashes).view(np.uint16).reshape(len(hashes), _BANDS)
    seen: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets: dict[int, list[int]] = defaultdict(list)
        for row, value in enumerate(bands[:, band].tolist()):
            buckets[value].append(row)
        for rows in buckets.values():
            seen.update(_close(hashes, rows))
    yield from sorted(seen)


def _close(hashes: npt.NDArray[np.uint64], rows: list[int]) -> Iterator[tuple[int, int]]:
    """Close pairs of rows in one bucket, one row against all later ones at a time."""
    for at, row in enumerate(rows[:-1]):
        later = np.array(rows[at + 1 :])
        bits = np.bitwise_count(hashes[later] ^ hashes[row]).sum(axis=1)
        yield from ((row, int(other)) for other in later[bits <= _MAX_BITS])


def groups(count: int, pairs: Sequence[tuple[int, int, str]]) -> Rows:
    """Group number of each row (N,): copies, and copies of copies, share one."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for a, b, _ in pairs:
        parent[root(b)] = root(a)
    return np.array([root(row) for row in range(count)], dtype=np.int64)


def folds(labels: Rows, group: Rows, count: int = 5, seed: int = 0) -> list[Fold]:
    """`count` folds of 80:10:10, stratified by label, copies on one side.

    The rows are dealt into 2 * count equal parts; fold i tests on part 2i and
    chooses on part 2i + 1, so that no row is tested twice. For count = 5.
    """
    parts = _deal(labels, group, 2 * count, seed)
    every = np.arange(len(labels))
    return [
        Fold(every[(parts // 2) != fold], every[parts == 2 * fold + 1], every[parts == 2 * fold])
        for fold in range(count)
    ]


def _deal(labels: Rows, group: Rows, parts: int, seed: int) -> Rows:
    """Part number of each row: groups in random order, large ones first, each to
    the part that has least of its labels."""
    members: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(group.tolist()):
        members[number].append(row)
    order = list(members.values())
    np.random.default_rng(seed).shuffle(order)
    order.sort(key=len, reverse=True)
    held = np.zeros((parts, int(labels.max()) + 1), dtype=np.int64)
    part_of = np.zeros(len(labels), dtype=np.int64)
    for rows in order:
        own = np.bincount(labels[rows], minlength=held.shape[1])
        part = int(np.lexsort((held.sum(axis=1), held[:, own > 0].sum(axis=1)))[0])
        held[part] += own
        part_of[rows] = part
    return part_of


def across(
    split: Sequence[str], pairs: Sequence[tuple[int, int, str]]
) -> list[tuple[int, int, str]]:
    """Those copies whose two rows stand in different splits."""
    return [(a, b, why) for a, b, why in pairs if split[a] != split[b]]


def cross_fold_copies(fold: Fold, group: Rows) -> int:
    """Groups that stand on more than one side of a fold; 0 by construction."""
    sides = [set(group[rows].tolist()) for rows in (fold.train, fold.dev, fold.test)]
    return sum(len(a & b) for a, b in combinations(sides, 2))
