"""What readers find topics by: namespaces, topics with their newest post, watermarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from services import metrics
from services.aggregation.gather import TopicName
from services.aggregation.places import Places
from services.store.reader import LIVE, REPLAY
from services.store.store import Store


class Registry:
    """Writes what is new, once; the newest posts and watermarks with every `publish`."""

    def __init__(self, store: Store, live: str, partitions: Callable[[], int]) -> None:
        """`partitions` of scores there are now: each must speak before a new namespace has a
        watermark."""
        self._store, self._live, self._partitions = store, live, partitions
        self.namespaces: set[str] = set()
        self._topics: set[TopicName] = set()
        self._moved: dict[str, dict[str, int]] = {}
        """Per namespace, topics with posts since the last publication, and the newest."""
        self._newest: dict[str, int] = {}
        self._published: dict[str, dict[str, int]] = {}

    def forget(self) -> None:
        """The store may be another one: write everything again."""
        self.namespaces.clear()
        self._topics.clear()
        self._published.clear()

    def register(
        self, topics: Mapping[TopicName, int], namespaces: Iterable[str], now_ms: int
    ) -> None:
        """Before topics are counted, so that no reader misses one; with their newest post."""
        fresh = {name: ms for name, ms in topics.items() if name not in self._topics}
        for namespace in {name for name, _ in fresh} | set(namespaces) - self.namespaces:
            if namespace not in self.namespaces:
                kind = LIVE if namespace == self._live else REPLAY
                self._store.add_namespace(namespace, kind, now_ms)
                self._store.expect_partitions(namespace, self._partitions())
                self.namespaces.add(namespace)
            ours = {topic: ms for (name, topic), ms in fresh.items() if name == namespace}
            self._store.add_topics(namespace, ours)
        self._topics.update(fresh)

    def note(self, topics: Mapping[TopicName, int]) -> None:
        """These topics were counted, with their newest post."""
        for (namespace, topic), ms in topics.items():
            moved = self._moved.setdefault(namespace, {})
            moved[topic] = max(ms, moved.get(topic, ms))
            self._newest[namespace] = max(ms, self._newest.get(namespace, ms))

    def newest_ms(self, namespace: str) -> int | None:
        """The newest post that this worker has counted."""
        return self._newest.get(namespace)

    def publish(self, places: Places) -> None:
        for namespace, topics in self._moved.items():
            self._store.add_topics(namespace, topics)
        self._moved.clear()
        for namespace in {name for marks in places.marks.values() for name in marks}:
            fields = places.watermark_fields(namespace)
            if fields and fields != self._published.get(namespace):
                self._store.publish_watermarks(namespace, fields)
                self._published[namespace] = fields
                self._show(namespace, fields)

    def _show(self, namespace: str, fields: Mapping[str, int]) -> None:
        """As a metric, of live figures alone: a replay's is in the past."""
        reached = [ms for name, ms in fields.items() if name.isdecimal()]
        if namespace == self._live and reached:
            metrics.WATERMARK.labels(namespace).set(min(reached) / 1000)
