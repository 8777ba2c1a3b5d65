"""Reading from Kafka as a member of a consumer group.

Polls of a broker that is gone bring nothing, without an error: `_look_after`
asks for the ends now and then, which also gives the lag.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from services.stream.kafka_client import (
    REBALANCING,
    Calls,
    KafkaConsumer,
    MemberState,
    OffsetAndMetadata,
    Tenures,
    TopicPartition,
    kafka_errors,
    keep_joins,
)
from services.stream.lag import LagGauge
from services.stream.port import Record

COMMIT_S = 3.0
"""How long a commit may block: a worker has to stop within 10 s."""
LOOK_EVERY_S = 2.0
JOIN_POLL_S = 0.05
"""Of a poll while the group is being joined: time enough to take in what was joined."""


class Consumer:
    """`services.stream.port.Consumer` on a member of a group."""

    def __init__(
        self,
        calls: Calls,
        tenures: Iterator[int],
        inner: KafkaConsumer,
        stream: str,
        group: str,
    ) -> None:
        """`tenures` numbers the times that a partition is held."""
        self._calls, self._inner, self._stream = calls, inner, stream
        self._lag = LagGauge(stream, group)
        self._tenures = Tenures(tenures, inner)
        self._looked_s = time.monotonic()
        keep_joins(inner)
        inner.subscribe([stream], listener=self._tenures)

    def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        self._look_after()  # first: what it raises must not cost records that a poll has brought
        if self._inner.group_metadata().state is not MemberState.STABLE:
            timeout_s = max(timeout_s, JOIN_POLL_S)
        with self._calls():
            try:
                found = self._inner.poll(int(timeout_s * 1000), max_records=max_records)
            except REBALANCING:
                return []
        return [record_of(one) for batch in found.values() for one in batch]

    def _look_after(self) -> None:
        """Ask for the ends now and then: is anybody there, and how far behind are we?"""
        if time.monotonic() - self._looked_s < LOOK_EVERY_S:
            return
        places = list(self._inner.assignment()) or [TopicPartition(self._stream, 0)]
        with self._calls():
            try:
                ends = self._inner.end_offsets(places, timeout_ms=2000)
            except KeyError:  # of a partition so new that the library has not heard of it
                return
        self._looked_s = time.monotonic()
        lag: dict[int, int] = {}
        for place in self._inner.assignment():
            position = self._inner.position(place, timeout_ms=0) or 0
            lag[place.partition] = ends.get(place, position) - position
        self._lag.show(lag)

    def assignment(self) -> Mapping[int, int]:
        return dict(self._tenures.held)

    def pause(self, partitions: Sequence[int]) -> None:
        self._tenures.paused = True
        self._inner.pause(*self._places(partitions))

    def resume(self, partitions: Sequence[int]) -> None:
        self._tenures.paused = False
        self._inner.resume(*self._places(partitions))

    def seek(self, partition: int, offset: int) -> None:
        self._inner.seek(TopicPartition(self._stream, partition), offset)

    def commit(self, offsets: Mapping[int, int]) -> bool:
        given = {
            TopicPartition(self._stream, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        with self._calls():
            try:
                self._inner.commit(given, timeout_ms=int(COMMIT_S * 1000))
            except REBALANCING:
                return False
        return True

    def close(self) -> None:
        self._lag.show({})
        with suppress(kafka_errors.KafkaError):
            self._inner.close(autocommit=False, timeout_ms=1000)

    def _places(self, partitions: Sequence[int]) -> list[TopicPartition]:
        held = self._tenures.held
        return [TopicPartition(self._stream, p) for p in partitions if p in held]


def record_of(found: Any) -> Record:
    """A record as the library gives it, as ours."""
    headers = tuple((name, value or b"") for name, value in found.headers or ())
    return Record(
        found.topic,
        found.partition,
        found.offset,
        found.key,
        found.value,
        found.timestamp,
        headers,
    )
