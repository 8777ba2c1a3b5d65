"""All hops in one process, stepped in turn, downstream first.

Each hop polls only where there is room for its output, so bounded streams
can't deadlock. The streams are gone with the process, so a source's cursor
moves only at a checkpoint: everything that the source brought is scored,
counted and durable in the store. After a kill the source goes on from there,
and what comes twice is known by its id.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any, Protocol

from services.errors import Unavailable
from services.stream.worker import Worker

log = logging.getLogger(__name__)

CHECKPOINT_S = 5.0
"""Between checkpoints. Each costs a bubble in the pipeline and a wait for the disk."""
IDLE_S = 0.02


class Feeder(Protocol):
    """The ingest hop, as the runner drives it."""

    @property
    def done(self) -> bool:
        """Whether the source is through."""

    def step(self, timeout_s: float = 0.0) -> bool:
        """Bring some posts if there is room, waiting for `timeout_s`; whether any came."""

    def saved(self) -> None:
        """Everything brought so far is counted and durable: the cursor may move."""

    def health(self) -> Mapping[str, Any]: ...

    def close(self) -> None: ...


class Hop(Protocol):
    """What stands behind inference, as the runner drives it; `services.stream.worker.Worker` is
    one."""

    def step(self, timeout_s: float = 0.0) -> bool:
        """Do some of what there is to do, waiting for `timeout_s`; whether there was any."""

    def behind(self) -> int:
        """How much there is to do, in whatever measure; 0 for nothing."""

    def run_dry(self) -> None:
        """Do all of it."""

    def health(self) -> Mapping[str, Any]: ...

    def close(self) -> None: ...


class Embedded:
    """All hops, until every source is through or `stop` is set."""

    def __init__(
        self,
        feeders: Sequence[Feeder],
        inference: Worker,
        downstream: Sequence[Hop],
        *,
        checkpoint_s: float = CHECKPOINT_S,
        clock: Callable[[], float] = time.monotonic,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        """`downstream` read the scores or what comes of them: taps, aggregation, alerts.

        `progress` is called about as often as anything moves; it must be cheap.
        """
        self._feeders, self._inference, self._downstream = feeders, inference, downstream
        self._checkpoint_s, self._clock, self._progress = checkpoint_s, clock, progress

    def run(self, stop: Event) -> bool:
        """Whether every source was brought to its end (not stopped before)."""
        try:
            self._open()
            due_s = self._clock() + self._checkpoint_s
            while not (stop.is_set() or self._done()):
                self._round()
                self._progress()
                if self._clock() >= due_s:
                    self._checkpoint_if_possible()
                    due_s = self._clock() + self._checkpoint_s
            self._checkpoint()
            self._progress()
            return self._done()
        finally:
            self._close()

    def health(self) -> Mapping[str, Any]:
        """For `/healthz`: the hops, and whether all are well."""
        hops = [*(feeder.health() for feeder in self._feeders), self._inference.health()]
        hops += [worker.health() for worker in self._downstream]
        return {"healthy": all(hop["healthy"] for hop in hops), "hops": hops}

    def _open(self) -> None:
        """Consumers first: a stream that no group reads keeps only its tail."""
        self._step_downstream()
        self._inference.step()

    def _step_downstream(self) -> bool:
        moved = [worker.step() for worker in self._downstream]
        return any(moved)

    def _round(self) -> None:
        moved = self._step_downstream()
        moved = self._inference.step() or moved
        moved = self._feed(0.0) or moved
        if not moved and self._inference.busy:
            self._inference.step(IDLE_S)
        elif not moved:
            self._feed(IDLE_S / len(self._feeders))

    def _feed(self, timeout_s: float) -> bool:
        moved = [feeder.step(timeout_s) for feeder in self._feeders if not feeder.done]
        return any(moved)

    def _done(self) -> bool:
        return all(feeder.done for feeder in self._feeders)

    def _checkpoint_if_possible(self) -> None:
        try:
            self._checkpoint()
        except Unavailable as error:
            log.warning("the sources' places are not saved now, later: %s", error)

    def _checkpoint(self) -> None:
        """`Unavailable` where the places can't be saved; they stay where they were."""
        hops: tuple[Hop, ...] = (self._inference, *self._downstream)
        while any(hop.behind() for hop in hops):  # again: one may wait for room in the next
            for hop in hops:
                hop.run_dry()
        for feeder in self._feeders:
            feeder.saved()

    def _close(self) -> None:
        for feeder in self._feeders:
            feeder.close()
        self._inference.close()
        for worker in self._downstream:
            worker.close()
