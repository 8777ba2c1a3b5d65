"""What to know before believing a namespace's figures: sums of what its topics lack.

Reading the totals of ten thousand topics takes a while, so that what was summed
is kept for a time that grows with the work.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock
from typing import Final

import msgspec

from services.dashboard.backend import Backend
from services.store import schema
from services.store.schema import TOTAL_FIELDS

KEPT_S: Final = 5.0
SHARE: Final = 50
"""Sums are kept so many times as long as they took."""
CHUNK: Final = 500
"""Topics in a round trip."""


class Quality(msgspec.Struct, frozen=True):
    """`schemas.QualityItem`."""

    posts: int = 0
    late: int = 0
    too_late: int = 0
    duplicates: int = 0
    deleted: int = 0
    unseen_language: int = 0
    without_picture: int = 0


class Qualities:
    """By namespace. May be asked from several threads; one of them sums at a time."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._held: dict[str, tuple[float, Quality]] = {}
        self._lock = Lock()

    def of(self, namespace: str) -> Quality:
        """The sums, a few seconds old at most. `Unavailable` where the store is away."""
        with self._lock:
            good_until_s, found = self._held.get(namespace, (0.0, Quality()))
            begun = time.monotonic()
            if begun < good_until_s:
                return found
            found = self._sum(namespace)
            took = time.monotonic() - begun
            self._held[namespace] = (begun + took + max(KEPT_S, SHARE * took), found)
            return found

    def _sum(self, namespace: str) -> Quality:
        topics = self._backend.reader.topics(namespace)
        sums = dict.fromkeys(TOTAL_FIELDS, 0)
        for first in range(0, len(topics), CHUNK):
            for values in self._totals(namespace, topics[first : first + CHUNK]):
                for name, value in zip(TOTAL_FIELDS, values, strict=True):
                    sums[name] += int(value or 0)
        posts = sums["negative"] + sums["neutral"] + sums["positive"]
        names = ("late", "too_late", "duplicates", "deleted", "unseen_language")
        return Quality(
            posts=posts,
            without_picture=posts - sums["images"],
            **{name: sums[name] for name in names},
        )

    def _totals(self, namespace: str, topics: Sequence[str]) -> list[list[bytes | None]]:
        keys = [schema.topic_prefix(namespace, topic) + "totals" for topic in topics]
        calls = [("HMGET", key, *TOTAL_FIELDS) for key in keys]
        found: list[list[bytes | None]] = self._backend.store.client.pipe(calls)
        return found
