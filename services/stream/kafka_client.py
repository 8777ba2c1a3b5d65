"""kafka-python, mended: the one file that imports it. `kafka.py` is built on it.

What is mended (kafka-python 3.0.12), each with a test against a real broker:
- a join of the group that ends between two polls is thrown away and begun
  anew, and one for new partitions that outlasts a poll is never asked after
  again, so that polls with short timeouts got no partitions (`keep_joins`);
- what a broker says before it hangs up is dropped, and what it refuses at the
  first connection is retried until a timeout, so that a wrong password looked
  like a network that fails (`_hear_last_words`, `_keep_refusals`);
- a client that finds no broker raises and leaves its IO thread running
  (`opened` ends it); closing a producer that has something buffered raises,
  and leaves its thread (`abandon`);
- records parked while their partition is paused are forgotten when another
  partition is read meanwhile, so partitions that come while paused are paused
  too, before anything is fetched of them (`Tenures`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from kafka import (
    ConsumerRebalanceListener,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
)
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.net.compat import KafkaNetClient
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol.consumer import OffsetSpec
from kafka.structs import MemberState, OffsetAndMetadata

from services.errors import Unavailable, UsageError

__all__ = [
    "COORDINATOR_COMING",
    "REBALANCING",
    "Calls",
    "CooperativeStickyAssignor",
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaProducer",
    "MemberState",
    "OffsetAndMetadata",
    "OffsetSpec",
    "Tenures",
    "TopicPartition",
    "abandon",
    "calls",
    "kafka_errors",
    "keep_joins",
    "opened",
]
T = TypeVar("T")
Calls = Callable[[], AbstractContextManager[None]]
"""Within what it gives, the library's errors are ours."""

REFUSED = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.AuthorizationError,
)
"""Another try won't help."""
AWAY = (
    kafka_errors.RetriableError,
    kafka_errors.BrokerNotAvailableError,
    kafka_errors.UnknownError,
    kafka_errors.OutOfOrderSequenceNumberError,
    kafka_errors.UnknownProducerIdError,
    kafka_errors.InvalidProducerEpochError,
    kafka_errors.InvalidProducerIdMappingError,
    OSError,
)
"""Another try may help; of a producer that the broker has forgotten, with a new one."""
REBALANCING = (
    kafka_errors.CommitFailedError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.UnknownMemberIdError,
)
"""The group shares its partitions out anew, perhaps without us: poll again."""
COORDINATOR_COMING = (
    kafka_errors.CoordinatorNotAvailableError,
    kafka_errors.CoordinatorLoadInProgressError,
    kafka_errors.NotCoordinatorError,
)
"""The broker makes up its mind who looks after the group, as at its first start."""


@contextmanager
def calls(servers: str) -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except REFUSED as error:
        raise UsageError(
            f"Kafka at {servers} refuses us: {error}; check the user name, the password, "
            "and what they may do"
        ) from error
    except AWAY as error:
        text = str(error) or type(error).__name__
        raise Unavailable("Kafka", f"{servers}: {text}") from error


def opened(make: Callable[..., T], **options: Any) -> T:
    """A connected client of the library; where it can't be had, nothing of it stays."""
    made: list[KafkaNetClient] = []

    def client(**configs: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**configs))
        _keep_refusals(made[-1]._manager)
        return made[-1]

    try:
        return make(kafka_client=client, **options)
    except BaseException:
        for one in made:
            one.close()
        raise


def _keep_refusals(manager: Any) -> None:
    """Have the next attempt raise what the last one was refused for."""
    connect = manager._connect

    async def _connect(node: Any, conn: Any, **options: Any) -> None:
        await connect(node, conn, **options)
        if conn.init_future.failed() and isinstance(conn.init_future.exception, REFUSED):
            manager._auth_failures[node.node_id] = conn.init_future.exception

    manager._connect = _connect


def _hear_last_words(transport: Any) -> None:
    """Hand on what was received before the end of the stream; the end is seen next time."""
    receive = transport._sock_recv

    def _sock_recv(self: Any) -> tuple[bytes, Exception | None]:
        data, error = receive(self)
        return (data, None) if data else (data, error)

    transport._sock_recv = _sock_recv


# It shouts about every connection that is refused; we say once that Kafka is away.
if logging.getLogger("kafka").level == logging.NOTSET:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
for _transport in (KafkaTCPTransport, KafkaSSLTransport):
    _hear_last_words(_transport)


def keep_joins(consumer: KafkaConsumer) -> None:
    """Have a poll take in the join that began, or ended, before it did.

    The library keeps the task of joining from poll to poll, but takes one that
    is done for one that was never begun: so it is handed on as one not done yet.
    And a join for the sake of new partitions ceases to be needed once it is
    under way, so that no later poll asks what became of it: so it stays needed.
    """
    coordinator = consumer._coordinator
    join, join_and_sync = coordinator.join_group_async, coordinator._do_join_and_sync_async

    async def taken_in(task: Any) -> Any:
        return await task

    async def join_group_async(timeout_ms: float | None = None) -> Any:
        task = coordinator._join_task
        if task is not None and task.is_done:
            coordinator._join_task = coordinator._manager.call_soon(taken_in, task)
        return await join(timeout_ms=timeout_ms)

    async def still_needed() -> Any:
        coordinator.rejoin_needed = True
        return await join_and_sync()

    coordinator.join_group_async = join_group_async
    coordinator._do_join_and_sync_async = still_needed


def abandon(producer: KafkaProducer) -> None:
    """Close it, waiting a second for what is buffered."""
    try:
        producer.close(timeout=1.0)
    except kafka_errors.KafkaTimeoutError:
        producer._sender.force_close()
        producer._closed = True


class Tenures(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes who holds what. Runs on the library's IO thread while a poll waits for it."""

    def __init__(self, numbers: Iterator[int], consumer: KafkaConsumer) -> None:
        self._numbers, self._consumer = numbers, consumer
        self.held: dict[int, int] = {}
        """Partition to tenure."""
        self.paused = False

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        if self.paused:
            self._consumer.pause(*assigned)
        self.held |= {place.partition: next(self._numbers) for place in assigned}

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        for place in revoked:
            self.held.pop(place.partition, None)
