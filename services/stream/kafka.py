"""Streams on Apache Kafka.

What it relies on, each proven against a real broker in tests/contract and
tests/integration/test_streams_kafka*.py:
- the assignment changes only within `poll`, and the rebalance listener, which
  runs on the library's IO thread, does nothing but note what happened;
- with cooperative-sticky, what stays with a member stays fetched and paused;
- `commit` without offsets would cover all that was polled: offsets are always given;
- an idempotent producer that is retried across a broker's death writes once, in order.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from services.errors import Unavailable, UsageError
from services.stream.kafka_client import (
    COORDINATOR_COMING,
    CooperativeStickyAssignor,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    OffsetSpec,
    TopicPartition,
    calls,
    kafka_errors,
    opened,
)
from services.stream.kafka_consumer import Consumer, record_of
from services.stream.kafka_producer import Producer
from services.stream.port import Record
from services.stream.security import Security

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Of a record: four pictures of 20 to 80 kB fit many times."""
MAX_LETTER_BYTES = MAX_MESSAGE_BYTES + 64 * 1024
"""Of a dead letter: the record and what is said about it."""
TEXT_STREAMS = frozenset({"scores", "alerts"})
"""Last part of the names of streams without pictures: only these are compressed."""
CALL_S = 3.0
"""How long one call may block: a worker has to stop within 10 s."""


class KafkaStreams:
    """`services.stream.port.Streams` on a cluster."""

    def __init__(
        self,
        servers: Sequence[str],
        security: Security | None = None,
        *,
        session_timeout_s: float = 15.0,
        max_poll_interval_s: float = 300.0,
        metadata_age_s: float = 10.0,
        text_streams: Collection[str] = TEXT_STREAMS,
    ) -> None:
        """Nothing is connected before it is needed. `metadata_age_s`: new partitions by then."""
        self._servers = list(servers)
        self._common = {
            "bootstrap_servers": self._servers,
            "bootstrap_timeout_ms": int(CALL_S * 1000),
            "metadata_max_age_ms": int(metadata_age_s * 1000),
            "reconnect_backoff_max_ms": 1000,
            **(security or Security()).options(),
        }
        self._session_ms = int(session_timeout_s * 1000)
        self._poll_ms = int(max_poll_interval_s * 1000)
        self._text_streams = text_streams
        self._lock = threading.RLock()
        self._admin_client: KafkaAdminClient | None = None
        self._reader_client: KafkaConsumer | None = None
        self.tenures = itertools.count(1)

    def calls(self) -> AbstractContextManager[None]:
        """Within it, the library's errors are ours."""
        return calls(",".join(self._servers))

    def producer(self) -> Producer:
        return Producer(self.calls, self.open_producer, self.is_text)

    def consumer(self, stream: str, group: str) -> Consumer:
        self.partitions(stream)  # says so where there is no such stream
        with self.calls():
            inner = opened(
                KafkaConsumer,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                partition_assignment_strategy=[CooperativeStickyAssignor],
                session_timeout_ms=self._session_ms,
                heartbeat_interval_ms=min(1000, self._session_ms // 3),
                max_poll_interval_ms=self._poll_ms,
                fetch_max_bytes=32 * 1024 * 1024,
                max_partition_fetch_bytes=8 * 1024 * 1024,
                **self._common,
            )
        return Consumer(self.calls, self.tenures, inner, stream, group)

    def partitions(self, stream: str) -> int:
        return len(self._describe(stream)["partitions"])

    def epoch(self, stream: str) -> str:
        return str(self._describe(stream)["topic_id"])

    def ends(self, stream: str) -> Mapping[int, int]:
        places = [TopicPartition(stream, n) for n in range(self.partitions(stream))]
        found = self._offsets(places, OffsetSpec.LATEST)
        return {place.partition: offset for place, offset in found.items()}

    def _offsets(
        self, places: Sequence[TopicPartition], which: OffsetSpec
    ) -> dict[TopicPartition, int]:
        """First or next offset of each, asked as admin: a consumer forgets partitions just made."""
        with self._lock, self.calls():
            found = self._admin().list_partition_offsets(
                dict.fromkeys(places, which), timeout_ms=int(CALL_S * 1000)
            )
        return {place: answer.offset for place, answer in found.items()}

    def read(self, stream: str, partition: int, start: int, stop: int) -> Sequence[Record]:
        place = TopicPartition(stream, partition)
        start = max(start, self._offsets([place], OffsetSpec.EARLIEST)[place])
        stop = min(stop, self._offsets([place], OffsetSpec.LATEST)[place])
        records: list[Record] = []
        if start >= stop:
            return records
        with self._lock, self.calls():
            reader = self._reader()
            reader.assign([place])
            reader.seek(place, start)
            deadline = time.monotonic() + CALL_S
            while (reader.position(place) or 0) < stop:
                found = reader.poll(timeout_ms=200, max_records=5000).get(place, [])
                records += [record_of(r) for r in found if r.offset < stop]
                if found:
                    deadline = time.monotonic() + CALL_S
                elif time.monotonic() > deadline:
                    raise Unavailable("Kafka", f"{stream}/{partition} can't be read to its end")
        return records

    def room(self, stream: str) -> int:  # noqa: ARG002
        """Kafka keeps what it is given for as long as its retention says."""
        return 2**31

    def create_streams(
        self, streams: Mapping[str, int], replication: int = 1, retention_h: int = 168
    ) -> Mapping[str, str]:
        """Make streams with so many partitions, or add what is missing; what was done to each."""
        with self._lock, self.calls():
            admin = self._admin()
            there = {t["name"]: len(t["partitions"]) for t in admin.describe_topics()}
            try:
                new = {n: c for n, c in streams.items() if n not in there}
                self._create(new, replication, retention_h)
                more = {n: c for n, c in streams.items() if there.get(n, c) < c}
                if more:
                    admin.create_partitions(more, timeout_ms=int(CALL_S * 1000))
            except kafka_errors.InvalidReplicationFactorError as error:
                raise UsageError(
                    f"Kafka has too few brokers for {replication} copies of each stream: {error}"
                ) from error
            admin.wait_for_topics(list(streams))
        return {n: _change(c, there.get(n)) for n, c in streams.items()}

    def _create(self, streams: Mapping[str, int], replication: int, retention_h: int) -> None:
        if not streams:
            return
        specs = {
            name: {
                "num_partitions": count,
                "replication_factor": replication,
                "configs": {
                    "retention.ms": str(retention_h * 3_600_000),
                    "max.message.bytes": str(MAX_LETTER_BYTES),
                },
            }
            for name, count in streams.items()
        }
        self._admin().create_topics(specs, timeout_ms=int(CALL_S * 1000))

    def streams(self, prefix: str = "") -> Mapping[str, int]:
        """The streams there are, with their partitions."""
        with self._lock, self.calls():
            topics = self._admin().describe_topics()
        return {t["name"]: len(t["partitions"]) for t in topics if t["name"].startswith(prefix)}

    def committed(self, stream: str, group: str) -> Mapping[int, int]:
        """What the group has committed; nothing for a group that was never there."""
        deadline = time.monotonic() + CALL_S
        with self._lock, self.calls():
            while True:
                try:
                    found = self._admin().list_group_offsets(group).get(group, {})
                    break
                except COORDINATOR_COMING:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
        return {p.partition: o.offset for p, o in found.items() if p.topic == stream}

    def lag(self, stream: str, group: str) -> Mapping[int, int]:
        """How many records of each partition the group has yet to commit."""
        committed = self.committed(stream, group)
        return {p: end - committed.get(p, 0) for p, end in self.ends(stream).items()}

    def close(self) -> None:
        with self._lock:
            for client in (self._admin_client, self._reader_client):
                if client is not None:
                    client.close()
            self._admin_client = self._reader_client = None

    def open_producer(self, compressed: bool) -> KafkaProducer:
        """A producer of the library's own: idempotent, acknowledged by all replicas."""
        with self.calls():
            return opened(
                KafkaProducer,
                enable_idempotence=True,
                acks="all",
                compression_type="zstd" if compressed else None,
                linger_ms=5,
                batch_size=256 * 1024,
                max_request_size=MAX_LETTER_BYTES,
                max_block_ms=int(CALL_S * 1000),
                request_timeout_ms=10_000,
                delivery_timeout_ms=60_000,
                **self._common,
            )

    def is_text(self, stream: str) -> bool:
        return stream.rpartition(".")[2] in self._text_streams

    def _describe(self, stream: str) -> dict[str, Any]:
        with self._lock, self.calls():
            (topic,) = self._admin().describe_topics([stream])
        if topic["error_code"] == kafka_errors.UnknownTopicOrPartitionError.errno:
            raise Unavailable(
                "Kafka", f"there is no stream {stream} yet; `undertone streams create` makes it"
            )
        with self.calls():
            if topic["error_code"]:
                raise kafka_errors.for_code(topic["error_code"])(stream)
        return dict(topic)

    def _admin(self) -> KafkaAdminClient:
        if self._admin_client is None:
            self._admin_client = opened(KafkaAdminClient, request_timeout_ms=10_000, **self._common)
        return self._admin_client

    def _reader(self) -> KafkaConsumer:
        if self._reader_client is None:
            self._reader_client = opened(
                KafkaConsumer,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=8 * 1024 * 1024,
                **self._common,
            )
        return self._reader_client


def _change(wanted: int, there: int | None) -> str:
    if there is None:
        return f"created with {wanted} partitions"
    if there < wanted:
        return f"grown from {there} to {wanted} partitions"
    return f"there already with {there} partitions"
