"""The one loop: poll, hand to the stage, write in poll order, flush, commit.

Nothing else commits. Back-pressure is not polling for records: while the
stage is full, its output has no room, or a neighbour is away, all partitions
are paused and polls go on, so that the group keeps its member. What such a
poll still brings of newly assigned partitions is kept.

What can go wrong, and what becomes of it:
    a bad record            goes to the dead letters; the loop goes on
    mostly bad records      `TooManyBad`, before the batch is written
    `Unavailable`           the same step again, later; unhealthy meanwhile
    `Rewound`               everything uncommitted is read again
    anything else           passes out of `step`: nothing more is committed
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

from services import metrics
from services.errors import Rewound, Unavailable
from services.stream.attempts import Attempts, Backoff, Later
from services.stream.breaker import Breaker
from services.stream.flight import Flight
from services.stream.intake import Intake
from services.stream.port import Stage, Streams
from services.stream.writer import Writer

log = logging.getLogger(__name__)

POLL_EVERY_S = 0.1
"""How often a full worker polls, for the sake of its group."""
LOOK_EVERY_S = 0.01
"""How long a poll may wait while batches are in flight, whose end can't wake it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The loop's sizes and times."""

    batch_size: int = 256
    """Records in a micro-batch, at most."""
    batch_wait_s: float = 0.0
    """How long to wait for a micro-batch to fill, from its first record."""
    commit_interval_s: float = 0.1
    flush_timeout_s: float = 3.0
    tick_interval_s: float = 1.0
    drain_s: float = 4.0
    """How long a worker that is told to stop waits for what is in flight."""


class Worker:
    """Drives one stage over one stream, as a member of `group`. Used by one thread."""

    def __init__(
        self,
        stage: Stage,
        streams: Streams,
        *,
        group: str,
        dead_letters: str,
        limits: Limits | None = None,
        room: Callable[[], int] = lambda: sys.maxsize,
        breaker: Breaker | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`dead_letters` names their stream; `room` says how many outputs can be taken now."""
        self._stage, self._room = stage, room
        self._limits = limits or Limits()
        self._clock, self._sleep = clock, sleep
        self._attempts = Attempts(stage.name, backoff or Backoff(), clock)
        self._intake = Intake(stage, streams, group, clock)
        self._writer = Writer(streams, stage.name)
        self._flight = Flight(
            stage,
            self._intake,
            self._writer,
            self._attempts,
            breaker or Breaker(),
            dead_letters=dead_letters,
            batch_size=self._limits.batch_size,
            clock=clock,
            commit=self._commit,
        )
        self._committed_s = self._ticked_s = clock()
        metrics.LOOP.labels(stage.name).set_to_current_time()

    @property
    def busy(self) -> bool:
        """Whether anything polled is not yet committed."""
        return bool(self._flight or self._intake or self._writer or self._intake.ledger.positions())

    def behind(self) -> int:
        """How many records of the stream the group has yet to commit."""
        return self._intake.behind()

    def health(self) -> Mapping[str, Any]:
        """For `/healthz`; may be called from another thread."""
        return {
            **self._attempts.health(),
            "partitions": sorted(self._intake.ledger.held),
            "in_flight": len(self._flight),
        }

    # Driving the loop.

    def step(self, timeout_s: float = 0.0) -> bool:
        """Once round the loop, waiting for records for `timeout_s` at most.

        Whether anything was polled, submitted, written or committed.
        """
        metrics.LOOP.labels(self._stage.name).set_to_current_time()
        if self._attempts.wait_s > 0:
            self._wait_out(min(timeout_s, self._attempts.wait_s))
            return False
        try:
            did = self._poll(timeout_s) > 0
            did = self._attempts.make("place", self._intake.place) or did
            did = self._flight.submit() or did
            did = self._flight.write_done() or did
            self._attempts.make("tick", self._tick)
            self._attempts.make("write", self._writer.push)
            return self._commit_if_due() or did
        except Later:
            return False
        except Rewound as error:
            self._rewind(error)
            return True

    def run(self, stop: Event) -> None:
        """Until `stop` is set; then finish what is in flight, commit, leave the group."""
        try:
            self._attempts.keep_on(self.step, stop.is_set)
        except BaseException:
            self._let_go()
            raise
        self.close()

    def drain(self, timeout_s: float | None = None) -> None:
        """Finish and commit what is in flight, without polling for more.

        What is not done in time stays uncommitted, and will be read again.
        """
        deadline = self._clock() + (self._limits.drain_s if timeout_s is None else timeout_s)
        try:
            self._finish(deadline)
            self._commit()
            while self._intake.ledger.positions() and self._clock() < deadline:
                self._poll_paused(POLL_EVERY_S)  # the group was being shared out anew
                self._commit()
        except (Later, Rewound) as error:
            log.warning("%s: not all is committed: %s", self._stage.name, error)

    def _finish(self, deadline: float) -> None:
        """Write what is done by `deadline`, up to the first batch that fails."""
        try:
            while self._flight and self._clock() < deadline:
                self._flight.await_one(min(POLL_EVERY_S, deadline - self._clock()))
                self._poll_paused(0.0)
                self._flight.submit()
                self._flight.write_done()
        except Later as error:
            log.warning("%s: not all is done: %s", self._stage.name, error)

    def run_dry(self) -> None:
        """Step until the stream has nothing more for us and everything is committed.

        For embedded mode, where whoever fills the stream waits meanwhile.
        """
        while True:
            if self.step(0.0 if self._attempts.failing is None else POLL_EVERY_S):
                continue
            if not self.busy:
                return
            self._flight.await_one(POLL_EVERY_S)
            self._committed_s = -self._limits.commit_interval_s

    def close(self) -> None:
        """Drain, then leave the group."""
        self._intake.forget()
        self.drain()
        self._let_go()

    def _let_go(self) -> None:
        self._intake.close()
        self._writer.close()
        self._stage.close()
        metrics.LOOP.remove(self._stage.name)

    # Polling.

    def _poll(self, timeout_s: float) -> int:
        """Gather records up to a batch; how many came."""
        if self._flight.full:
            self._flight.await_one(min(timeout_s, POLL_EVERY_S))
        if not self._wants_records():
            soon = self._clock() - self._intake.polled_s < POLL_EVERY_S
            return 0 if soon and self._flight else self._poll_paused(min(timeout_s, POLL_EVERY_S))
        self._intake.pause(False)
        if self._flight or self._intake:
            timeout_s = min(timeout_s, 0.0 if self._intake else LOOK_EVERY_S)
        came = self._poll_once(timeout_s)
        until = self._clock() + self._limits.batch_wait_s
        while came and len(self._intake) < self._limits.batch_size and self._clock() < until:
            came += self._poll_once(until - self._clock())
        return came

    def _wants_records(self) -> bool:
        return (
            self._intake.placed
            and not self._flight.full
            and len(self._intake) < self._limits.batch_size
            and self._room() > 0
        )

    def _poll_paused(self, timeout_s: float) -> int:
        self._intake.pause(True)
        return self._poll_once(0.0 if self._flight else timeout_s)

    def _poll_once(self, timeout_s: float) -> int:
        wanted = self._limits.batch_size - len(self._intake)
        return self._attempts.make("poll", self._intake.poll, wanted, timeout_s)

    def _tick(self) -> None:
        if self._clock() - self._ticked_s >= self._limits.tick_interval_s:
            outputs = self._stage.tick()
            self._ticked_s = self._clock()
            self._writer.add(outputs)

    # To the end.

    def _commit_if_due(self) -> bool:
        due = self._clock() - self._committed_s >= self._limits.commit_interval_s
        return due and self._commit()

    def _commit(self) -> bool:
        """Make everything written durable, then commit it; whether there was anything."""
        self._committed_s = self._clock()
        wrote = bool(self._writer)
        self._attempts.make("write", self._writer.flush, self._limits.flush_timeout_s)
        positions = self._intake.ledger.positions()
        if positions:
            self._attempts.make("flush", self._stage.flush, positions)
            self._attempts.make("commit", self._intake.commit, positions)
        return wrote or bool(positions)

    def _wait_out(self, timeout_s: float) -> None:
        """Keep the group's membership while waiting for the next attempt."""
        started = self._clock()
        if self._intake.opened and self._attempts.failing != "poll":
            self._intake.pause(True)
            try:
                self._intake.poll(1, min(timeout_s, POLL_EVERY_S))
            except Unavailable:
                log.debug("%s: no poll while waiting", self._stage.name)
        rest = timeout_s - (self._clock() - started)
        if rest > 0:
            self._sleep(rest)

    def _rewind(self, error: Rewound) -> None:
        log.warning("%s reads again what is not committed: %s", self._stage.name, error)
        self._flight.forget()
        self._writer.forget()
        self._intake.rewind()
