"""Batches on their way through the stage: done in any order, written in poll order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial

from services import metrics
from services.errors import BadRecord, Rewound, Unavailable
from services.stream import dead_letters
from services.stream.attempts import Attempts, Later
from services.stream.breaker import Breaker, TooManyBad
from services.stream.intake import Intake
from services.stream.ledger import Batch
from services.stream.port import Result, Stage
from services.stream.writer import Writer

log = logging.getLogger(__name__)

WINDOW = 3
"""Times `max_in_flight`: batches handed over and not written. Those that are done wait for one
that is not, and meanwhile the stage has work. A stage that takes one batch at a time gets the
next when the last is written: what it does to the store is done in poll order."""


class Flight:
    """What was submitted and is not yet written, the oldest first."""

    def __init__(
        self,
        stage: Stage,
        intake: Intake,
        writer: Writer,
        attempts: Attempts,
        breaker: Breaker,
        *,
        dead_letters: str,
        batch_size: int,
        clock: Callable[[], float],
        commit: Callable[[], object],
    ) -> None:
        """`dead_letters` names their stream; `commit` is called before too many bad records end
        the worker."""
        self._stage, self._intake, self._writer, self._attempts = stage, intake, writer, attempts
        self._breaker, self._dead_letters, self._batch_size = breaker, dead_letters, batch_size
        self._clock, self._commit = clock, commit
        self._pending: deque[Batch] = deque()

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def full(self) -> bool:
        """Whether the stage takes no more before something is done, or written.

        What failed keeps its place: it will be submitted again.
        """
        most = self._stage.max_in_flight
        window = WINDOW * most if most > 1 else 1
        undone = sum(not batch.done for batch in self._pending)
        return len(self._pending) >= window or undone >= most

    def submit(self) -> bool:
        """Hand over what failed before, and what is kept, as far as the stage takes it."""
        for batch in self._pending:
            if batch.future is None:
                self._hand_over(batch)
        if self.full or not self._intake or not self._intake.placed:
            return False
        batch = self._intake.take(self._batch_size)
        self._pending.append(batch)
        metrics.BATCH_RECORDS.labels(self._stage.name).observe(len(batch.records))
        metrics.IN_FLIGHT.labels(self._stage.name).set(len(self._pending))
        self._hand_over(batch)
        return True

    def await_one(self, timeout_s: float) -> None:
        """Until one more has ended, for so long at most."""
        running = [b.future for b in self._pending if b.future and not b.ended]
        if running and timeout_s > 0:
            wait(running, timeout_s, FIRST_COMPLETED)

    def write_done(self) -> bool:
        """Write the results of what is done, in poll order; whether there was any."""
        wrote = False
        while self._pending and self._pending[0].ended:
            if wrote and self._pending[0].error is not None:
                break  # what came before it goes out first
            self._write(self._pending[0])
            self._pending.popleft()
            metrics.IN_FLIGHT.labels(self._stage.name).set(len(self._pending))
            wrote = True
        return wrote

    def forget(self) -> None:
        """Drop everything: it will be read again."""
        for batch in self._pending:
            if batch.future is not None:
                batch.future.cancel()
        self._pending.clear()
        metrics.IN_FLIGHT.labels(self._stage.name).set(0)

    def _hand_over(self, batch: Batch) -> None:
        start_s = self._clock()
        batch.future = self._attempts.make("submit", self._stage.submit, batch.records)
        batch.future.add_done_callback(partial(self._timed, start_s))

    def _timed(self, start_s: float, future: Future[Result]) -> None:
        if not future.cancelled() and future.exception() is None:
            metrics.STAGE_SECONDS.labels(self._stage.name).observe(self._clock() - start_s)

    def _result(self, batch: Batch) -> Result:
        """What came of it. Where the stage was away, all that failed is submitted again."""
        assert batch.future is not None
        try:
            return self._attempts.make("stage", batch.future.result)
        except BadRecord as error:
            raise RuntimeError(f"{self._stage.name} refused a whole batch: {error}") from error
        except Later:
            for other in self._pending:
                if isinstance(other.error, Unavailable):
                    other.future = None
            raise

    def _write(self, batch: Batch) -> None:
        result = self._result(batch)
        if not self._intake.ledger.alive(batch):
            return
        if not self._intake.ledger.whole(batch):
            # An earlier batch of the lost partition may have been dropped: what comes after it,
            # markers above all, must not be written by us.
            raise Rewound("a batch holds records of a partition that was lost")
        self._count_bad(len(batch.records), [dead.reason for dead in result.dead])
        self._writer.add(result.outputs)
        self._writer.add(
            dead_letters.encode(dead, self._dead_letters, self._stage.name) for dead in result.dead
        )
        self._intake.ledger.done(batch)
        result.written()

    def _count_bad(self, records: int, reasons: Sequence[str]) -> None:
        for reason in reasons:
            metrics.DEAD_LETTERS.labels(self._stage.name, reason).inc()
        try:
            self._breaker.count(records, len(reasons))
        except TooManyBad as error:
            log.error("%s: %s", self._stage.name, error)
            self._commit()  # what came before
            raise
