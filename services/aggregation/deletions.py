"""Deleted posts: their words leave the store, and each is counted once.

Every partition of `scores` brings every deletion; each looks after its own
topics, and partition 0 counts. Before a post's words may be kept, an index
says which topics keep them, so that a crash in between leaves no words that
a later deletion would miss.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from services.aggregation.gather import Gathered, TopicName
from services.records import Deletion
from services.store import schema, words
from services.store.schema import DAY_MS, digest
from services.store.store import Store, TopicBatch

DAYS_BACK = 3
COUNTING_PARTITION = 0


class Deletions:
    """What one aggregator does about them."""

    def __init__(
        self,
        store: Store,
        now_of: Callable[[str], int | None],
        wall_ms: Callable[[], int],
    ) -> None:
        self._store, self._now_of, self._wall_ms = store, now_of, wall_ms

    def gone(self, part: Gathered) -> set[str]:
        """Digests of posts in this batch that were deleted before."""
        found: set[str] = set()
        by_namespace: dict[str, set[str]] = defaultdict(set)
        for (namespace, _), records in part.scored.items():
            by_namespace[namespace].update(record.id for _, record, _ in records)
        for namespace, ids in by_namespace.items():
            now = self._now_of(namespace)
            if now is not None:
                found |= words.deleted_among(
                    self._store, namespace, _days(now), [digest(post) for post in ids]
                )
        return found

    def note_kept(self, partition: int, batches: Sequence[TopicBatch]) -> None:
        """Note the candidates of these batches before they are counted."""
        kept: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
        for batch in batches:
            for index in batch.documents:
                post = batch.entries[index - 1]
                kept[batch.namespace].append((post[1], batch.topic, post[2]))
        today = self._wall_ms() // DAY_MS
        for namespace, entries in kept.items():
            words.note_kept(self._store, namespace, partition, today, entries)

    def scrub(self, part: Gathered) -> Iterator[tuple[TopicName, int]]:
        """Apply the batch's deletions; yields the topics that lost words, with the post's time."""
        by_namespace: dict[str, list[Deletion]] = defaultdict(list)
        for deletion in part.deletions:
            by_namespace[deletion.namespace].append(deletion)
        for namespace, deletions in by_namespace.items():
            yield from self._scrub(namespace, part.partition, deletions)

    def _scrub(
        self, namespace: str, partition: int, deletions: Sequence[Deletion]
    ) -> Iterator[tuple[TopicName, int]]:
        ids = [digest(deletion.id) for deletion in deletions]
        days = [deletion.deleted_at_ms // DAY_MS for deletion in deletions]
        words.note_deleted(
            self._store,
            namespace,
            list(zip(ids, days, strict=True)),
            partition == COUNTING_PARTITION,
        )
        holders = words.holders(self._store, namespace, partition, _days(self._wall_ms()), ids)
        posts = [
            (topic, deletion.id, created)
            for deletion, held in zip(deletions, holders, strict=True)
            for topic, created in held
        ]
        words.forget(self._store, namespace, posts)
        for topic, _, created in posts:
            yield (namespace, topic), created


def _days(now_ms: int) -> range:
    today = now_ms // schema.DAY_MS
    return range(today - DAYS_BACK, today + 1)
