"""What a stream is to the pipeline, whichever driver carries it.

A *stream* is a Kafka topic (our word *topic* means what a user monitors). It
has partitions; a record's place is (stream, partition, offset). Consumers of
one group share the partitions out among themselves.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from services.errors import BadRecord

ALL_PARTITIONS = -1
"""As an `Output.partition`: send a copy to every partition of the stream."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read."""

    stream: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """One record to be written. Without `partition`, the key decides (murmur2, as Kafka does)."""

    stream: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that can't be processed, with a countable reason and a readable message."""

    record: Record
    reason: str
    message: str
    traceback: str = ""

    @classmethod
    def of(cls, record: Record, error: BadRecord) -> DeadLetter:
        """The dead letter that a stage makes of a record it could not process."""
        return cls(record, error.reason, str(error), "".join(traceback.format_exception(error)))


@dataclass(frozen=True, slots=True)
class Result:
    """What a stage made of one batch, in the order of the batch."""

    outputs: Sequence[Output] = ()
    dead: Sequence[DeadLetter] = ()
    written: Callable[[], None] = lambda: None
    """Called when the outputs go out, which is after those of every batch before: for metrics."""


class Producer(Protocol):
    """Writes records, in order. What was sent is kept until it is acknowledged."""

    def send(self, output: Output) -> None:
        """Buffer one record. `Unavailable`: it was not taken; `BadRecord`: it never will be."""

    def flush(self, timeout_s: float) -> None:
        """Return once everything sent so far is acknowledged by the stream.

        `Unavailable` when it is not yet: flush again, there is no need to send again.
        """

    def close(self) -> None:
        """Flush what is buffered, if it can be had quickly, and let go."""


class Consumer(Protocol):
    """One member of a consumer group on one stream."""

    def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        """The next records of the partitions assigned and not paused; may be empty."""

    def assignment(self) -> Mapping[int, int]:
        """Partitions held now, each with its tenure: a number that is never used again.

        It changes only within `poll`.
        """

    def pause(self, partitions: Sequence[int]) -> None:
        """Bring no records of these partitions, and stay a member of the group."""

    def resume(self, partitions: Sequence[int]) -> None:
        """Bring records of these partitions again."""

    def seek(self, partition: int, offset: int) -> None:
        """Read on from `offset`."""

    def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit, per partition, the offset of the next record to read.

        False while the group shares its partitions out anew: nothing was
        committed; poll, see what is still held, and try again.
        """

    def close(self) -> None:
        """Leave the group."""


class Streams(Protocol):
    """A driver: everything that the pipeline asks of Kafka or its in-memory sibling."""

    def producer(self) -> Producer: ...

    def consumer(self, stream: str, group: str) -> Consumer: ...

    def partitions(self, stream: str) -> int:
        """How many partitions the stream has now."""

    def epoch(self, stream: str) -> str:
        """What changes when the stream is deleted and made anew (Kafka's topic id)."""

    def ends(self, stream: str) -> Mapping[int, int]:
        """Per partition, the offset that the next record will get."""

    def committed(self, stream: str, group: str) -> Mapping[int, int]:
        """What the group has committed; nothing for a group that was never there."""

    def read(self, stream: str, partition: int, start: int, stop: int) -> Sequence[Record]:
        """Records with start <= offset < stop that are still kept, without a group."""

    def room(self, stream: str) -> int:
        """How many more records should be sent before readers catch up; a hint, never a wall."""

    def close(self) -> None: ...


class Stage(Protocol):
    """The work of one hop, driven by `services.stream.worker.Worker`."""

    name: str
    stream: str
    """The stream it reads."""
    max_in_flight: int
    """How many batches may be submitted and not yet done; 1 for a synchronous stage."""

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        """Begin work on a batch. The future may raise `Unavailable`: the worker submits again."""

    def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """New partitions: where to start each, or nothing for the group's committed offset."""

    def revoked(self, partitions: Sequence[int]) -> None:
        """These partitions are another worker's now: forget what is held for them."""

    def tick(self) -> Sequence[Output]:
        """Periodic work, called at least once a second; what it returns is written."""

    def flush(self, positions: Mapping[int, int]) -> None:
        """Make the effects of everything before `positions` durable. Called before each commit."""

    def close(self) -> None: ...
