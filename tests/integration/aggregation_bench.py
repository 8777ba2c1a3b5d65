"""A stage of aggregation, fed by hand over a real Valkey."""

from __future__ import annotations

from services.aggregation.audit import audit
from services.aggregation.stage import AggregationStage, Options
from services.records import AnyRecord
from services.store import Reader, Store
from services.store.reader import Sums
from services.stream.memory import MemoryStreams
from tests.scores import NAMES, SCORES, START_MS, everything, send, streams

NS = "replay-1"


class Bench:
    """A stage on streams of its own, fed batch by batch."""

    def __init__(
        self,
        store: Store,
        of: MemoryStreams | None = None,
        *,
        now_ms: int = START_MS,
        **options: int,
    ) -> None:
        self.now_ms = now_ms
        self.monotonic_ms = 0
        self.streams = of or streams()
        self.store = store
        self.stage = AggregationStage(
            store,
            self.streams,
            Options(SCORES, **options),
            clock_ms=lambda: self.now_ms,
            monotonic_ms=lambda: self.monotonic_ms,
        )
        partitions = list(range(self.streams.partitions(SCORES)))
        self.at = dict(self.stage.assigned(partitions))

    def feed(self, *items: AnyRecord) -> None:
        """Send to the stream, then count whatever is there."""
        send(self.streams, items)
        self.drain()

    def drain(self, size: int = 1_000) -> None:
        for partition in sorted(self.at):
            batch = everything(self.streams, partition)[self.at[partition] :]
            for first in range(0, len(batch), size):
                part = batch[first : first + size]
                self.stage.submit(part).result()
                self.at[partition] = part[-1].offset + 1

    def flush(self) -> None:
        self.stage.flush(self.at)

    def assert_audited(self) -> None:
        result = audit(self.streams, self.store, NAMES)
        assert result.differences == []
        assert result.lag == 0


def total(store: Store, topic: str = "brand", namespace: str = NS) -> Sums:
    return Reader(store).totals(namespace, topic).sums
