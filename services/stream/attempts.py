"""What a worker is waiting for: retries with backoff, and whether it is healthy."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from services import metrics
from services.errors import Unavailable

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

STEP_S = 0.25
"""How long a step waits for something to do, and how late a worker sees that it is to stop."""


class Later(Exception):
    """This step can't go on now."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, capped, with jitter, so that many workers don't come back at once."""

    first_s: float = 0.1
    cap_s: float = 10.0
    jitter: float = 0.5
    """The share of the wait that is left to chance."""

    def delay_s(self, attempt: int) -> float:
        """The wait after failure number `attempt`, counted from 0."""
        full = min(self.cap_s, self.first_s * 2.0 ** min(attempt, 30))
        return full * (1 - self.jitter * random.random())


class Attempts:
    """Of one worker. An operation that failed is well again when itself succeeds."""

    def __init__(
        self, stage: str, backoff: Backoff, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Unhealthy until anything has succeeded."""
        self._stage, self._backoff, self._clock = stage, backoff, clock
        self.failing: str | None = "start"
        self.reason = "not started"
        self.since_s = self._retry_s = clock()
        self._attempt = 0
        metrics.HEALTHY.labels(stage).set(0)

    @property
    def wait_s(self) -> float:
        """How long until the next attempt; 0 when all is well."""
        return 0.0 if self.failing is None else max(0.0, self._retry_s - self._clock())

    def make(self, what: str, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it; where a neighbour is away, note that and raise `Later`."""
        try:
            result = action(*args, **kwargs)
        except Unavailable as error:
            self._attempt = self._attempt + 1 if self.failing == what else 0
            self._retry_s = self._clock() + self._backoff.delay_s(self._attempt)
            metrics.RETRIES.labels(error.neighbour).inc()
            self.fail(what, str(error))
            raise Later(str(error)) from error
        if self.failing in (what, "start"):
            self._well()
        return result

    def keep_on(self, step: Callable[[float], object], over: Callable[[], bool]) -> None:
        """Step until it is over. What ends the worker otherwise is noted, and raised."""
        try:
            while not over():
                step(STEP_S)
        except BaseException as error:
            self.fail("stopped", f"stopped: {error!r}")
            raise

    def health(self) -> Mapping[str, Any]:
        """For `/healthz`; may be called from another thread."""
        return {
            "healthy": self.failing is None,
            "reason": self.reason,
            "since_s": round(self._clock() - self.since_s, 3),
            "stage": self._stage,
        }

    def fail(self, what: str, reason: str) -> None:
        if self.failing is None or self.reason != reason:
            log.warning("%s: %s", self._stage, reason)
        if self.failing in (None, "start"):
            self.since_s = self._clock()
        self.failing, self.reason = what, reason
        metrics.HEALTHY.labels(self._stage).set(0)

    def _well(self) -> None:
        if self.failing != "start":
            log.warning("%s: well again after %.1f s", self._stage, self._clock() - self.since_s)
        self.failing, self.reason, self.since_s = None, "", self._clock()
        metrics.HEALTHY.labels(self._stage).set(1)
