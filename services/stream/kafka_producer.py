"""Writing to Kafka: in order, each record once, whatever becomes of the broker meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from services.errors import BadRecord, Unavailable
from services.stream.kafka_client import Calls, KafkaProducer, abandon, kafka_errors
from services.stream.partitioner import partition_of
from services.stream.port import ALL_PARTITIONS, Output


class Producer:
    """`services.stream.port.Producer`. What is sent is kept until it is acknowledged.

    Streams of text go through a compressing producer of the library, others
    through a plain one; a stream always through the same, which keeps its order.
    """

    def __init__(
        self,
        calls: Calls,
        open_inner: Callable[[bool], KafkaProducer],
        is_text: Callable[[str], bool],
    ) -> None:
        """`open_inner` makes a producer of the library, compressing or not; `is_text` says
        which a stream takes."""
        self._calls, self._open, self._is_text = calls, open_inner, is_text
        self._inner: dict[bool, KafkaProducer] = {}
        self._waiting: list[tuple[Output, Any]] = []

    def send(self, output: Output) -> None:
        with self._calls():
            inner = self._producer(output.stream)
            for partition in self._targets(inner, output):
                one = output if partition == output.partition else _at(output, partition)
                self._waiting.append((one, self._send(inner, one)))

    def flush(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        with self._calls():
            for inner in self._inner.values():
                inner.flush(timeout=max(0.01, deadline - time.monotonic()))
        failed = [future.exception for _, future in self._waiting if future.failed()]
        if failed:
            self._again()
            with self._calls():
                raise failed[0]
        self._waiting.clear()

    def close(self) -> None:
        for inner in self._inner.values():
            abandon(inner)
        self._inner.clear()
        self._waiting.clear()

    def _producer(self, stream: str) -> KafkaProducer:
        compressed = self._is_text(stream)
        if compressed not in self._inner:
            self._inner[compressed] = self._open(compressed)
        return self._inner[compressed]

    def _targets(self, inner: KafkaProducer, output: Output) -> Sequence[int | None]:
        if output.partition is not None and output.partition != ALL_PARTITIONS:
            return [output.partition]
        partitions = inner.partitions_for(output.stream)
        if output.partition == ALL_PARTITIONS:
            return sorted(partitions)
        return [None if output.key is None else partition_of(output.key, len(partitions))]

    def _send(self, inner: KafkaProducer, output: Output) -> Any:
        try:
            return inner.send(
                output.stream,
                value=output.value,
                key=output.key,
                headers=list(output.headers),
                partition=output.partition,
            )
        except kafka_errors.MessageSizeTooLargeError as error:
            raise BadRecord("too_large", str(error)) from error

    def _again(self) -> None:
        """Some records were given up: send all that is not acknowledged, in order, anew."""
        waiting, self._waiting = self._waiting, []
        for inner in self._inner.values():
            abandon(inner)
        self._inner.clear()
        for number, (output, _) in enumerate(waiting):
            try:
                self.send(output)
            except Unavailable:
                self._waiting += waiting[number:]
                raise


def _at(output: Output, partition: int | None) -> Output:
    return Output(output.stream, output.key, output.value, partition, output.headers)
