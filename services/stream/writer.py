"""What the worker has to write, kept until the stream has acknowledged it."""

from __future__ import annotations

from collections.abc import Iterable

from services import metrics
from services.stream.port import Output, Producer, Streams


class Writer:
    """Sends outputs in order; after `Unavailable` it goes on where it was."""

    def __init__(self, streams: Streams, stage: str) -> None:
        self._streams, self._stage = streams, stage
        self._producer: Producer | None = None
        self._unflushed: list[Output] = []
        self._sent = 0

    def __bool__(self) -> bool:
        """Whether anything waits to be flushed."""
        return bool(self._unflushed)

    def add(self, outputs: Iterable[Output]) -> None:
        self._unflushed += outputs

    def push(self) -> None:
        """Hand what was added to the producer. `Unavailable` when it takes nothing now."""
        if self._sent == len(self._unflushed):
            return
        if self._producer is None:
            self._producer = self._streams.producer()
        for output in self._unflushed[self._sent :]:
            self._producer.send(output)
            self._sent += 1

    def flush(self, timeout_s: float) -> None:
        """Return once everything added is acknowledged, else `Unavailable`."""
        self.push()
        if not self._unflushed or self._producer is None:
            return
        self._producer.flush(timeout_s)
        metrics.RECORDS_WRITTEN.labels(self._stage).inc(len(self._unflushed))
        self.forget()

    def forget(self) -> None:
        """Drop what is not flushed: it will be made again."""
        self._unflushed, self._sent = [], 0

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close()
        self._producer = None
