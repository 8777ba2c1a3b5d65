"""The ingest hop: what a source brings, as records on `posts`; then save its place.

The place is saved only behind what is safe. With Kafka that is what the broker
has acknowledged: every second the worker flushes, then saves. With memory
streams it is what was counted, which only the runner knows: it calls `saved`.
When a source ends, every partition is told so, once everything else is there.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

from services import metrics
from services.ingest.draft import Refused
from services.ingest.source import Brought, Source
from services.records import End, encode
from services.stream import dead_letters
from services.stream.attempts import Attempts, Backoff, Later
from services.stream.port import ALL_PARTITIONS, Output, Streams
from services.stream.writer import Writer

log = logging.getLogger(__name__)

STAGE = "ingest"
IDLE_S = 0.02
"""Between two looks at a source that has nothing now."""
SHOWN = 50
"""Refused posts that are logged one by one; more of them are only counted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes and times of the hop."""

    batch_size: int = 256
    """Items asked of the source at once."""
    save_interval_s: float = 1.0
    unflushed_bytes: int = 16 << 20
    """Held for sending again if Kafka goes away; beyond it a flush is due."""
    flush_timeout_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Streamed:
    """Names of the streams that the hop writes."""

    posts: str
    dead_letters: str


class IngestWorker:
    """Feeds one source into the streams. Used by one thread."""

    def __init__(
        self,
        source: Source,
        streams: Streams,
        names: Streamed,
        save: Callable[[bytes], None],
        *,
        runner_saves: bool = False,
        room: Callable[[], int] = lambda: sys.maxsize,
        limits: Limits | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`save` keeps the cursor, in the store; `runner_saves` leaves it to `saved`."""
        self.source, self._names, self._save = source, names, save
        self._runner_saves, self._room = runner_saves, room
        self._limits, self._clock, self._now_ms = limits or Limits(), clock, now_ms
        self._sleep = sleep
        self._attempts = Attempts(STAGE, backoff or Backoff(), clock)
        self._writer = Writer(streams, STAGE)
        self._unflushed_bytes = 0
        self._saved_s = clock()
        self._end_sent = False
        self._done = False
        self._shown = 0
        metrics.LOOP.labels(STAGE).set_to_current_time()

    @property
    def done(self) -> bool:
        """Whether the source is through, and all of it handed over."""
        return self._done

    def health(self) -> Mapping[str, Any]:
        """For `/healthz`; may be called from another thread."""
        return {
            **self._attempts.health(),
            "source": self.source.name,
        }

    def step(self, timeout_s: float = 0.0) -> bool:
        """Bring some items, if there is room for them; whether anything came."""
        metrics.LOOP.labels(STAGE).set_to_current_time()
        if self._attempts.wait_s > 0:
            self._sleep(min(timeout_s, self._attempts.wait_s))
            return False
        try:
            came = self._attempts.make("source", self._bring)
            self._attempts.make("write", self._writer.push)
            self._settle()
        except Later:
            return False
        if self._done:
            metrics.LOOP.remove(STAGE)  # it does not go round any more, and is not stuck
        elif not came:
            self._sleep(min(timeout_s, IDLE_S))
        return came

    def saved(self) -> None:
        """Everything brought so far is counted: save the place behind it.

        Raises `Unavailable` when the store is away; the place stays where it was.
        """
        self._writer.flush(self._limits.flush_timeout_s)
        self._save(self.source.cursor())

    def run(self, stop: Event) -> None:
        """Until the source ends or `stop` is set; what was brought is flushed and saved."""
        try:
            self._attempts.keep_on(self.step, lambda: stop.is_set() or self._done)
            if not self._done:
                self._attempts.make("flush", self.saved)
        except Later as error:
            log.warning("ingest: the last second will be read again: %s", error)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of source and streams."""
        self._writer.close()
        self.source.close()
        metrics.LOOP.remove(STAGE)

    def _bring(self) -> bool:
        """Read, and queue for writing; the end of the source after everything else."""
        room = min(self._limits.batch_size, self._room())
        if room <= 0 or self._end_sent:
            return False
        items = self.source.read(room)
        self._writer.add(self._outputs(items))
        if self.source.ended:
            end = encode(End(self.source.namespace))
            self._writer.add([Output(self._names.posts, None, end, ALL_PARTITIONS)])
            self._end_sent = True
        metrics.RECORDS_READ.labels(STAGE).inc(len(items))
        return bool(items) or self._end_sent

    def _outputs(self, items: Iterable[Brought]) -> list[Output]:
        outputs = []
        for item in items:
            if isinstance(item, Refused):
                output = self._dead_letter(item)
            else:
                output = Output(self._names.posts, item.id.encode(), encode(item))
            self._unflushed_bytes += len(output.value or b"")
            outputs.append(output)
        return outputs

    def _dead_letter(self, item: Refused) -> Output:
        """The original bytes, and from which file, member and line they are."""
        metrics.DEAD_LETTERS.labels(STAGE, item.reason).inc()
        self._shown += 1
        if self._shown <= SHOWN:
            log.warning("%s: %s: %s", item.place, item.reason, item.message)
        if self._shown == SHOWN:
            log.warning("more that can't be read is only counted; see `undertone dead-letters`")
        return dead_letters.encode_source(
            item.value,
            item.reason,
            item.message,
            stream=self._names.dead_letters,
            stage=STAGE,
            source=f"{self.source.namespace}: {item.place}",
            now_ms=self._now_ms(),
        )

    def _settle(self) -> None:
        """Flush, and save the place, when it is time and it is ours to do."""
        if self._runner_saves:
            self._attempts.make("flush", self._flush)
            self._done = self._end_sent
            return
        due = self._clock() - self._saved_s >= self._limits.save_interval_s
        if due or self._end_sent or self._unflushed_bytes > self._limits.unflushed_bytes:
            self._attempts.make("flush", self._flush)
            self._attempts.make("save", self._save, self.source.cursor())
            self._saved_s = self._clock()
            self._done = self._end_sent

    def _flush(self) -> None:
        self._writer.flush(self._limits.flush_timeout_s)
        self._unflushed_bytes = 0
