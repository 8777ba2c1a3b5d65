"""Telling receivers what is in the outbox: a thread each, so that one that is away delays nobody.

claimed     before it is sent
delivered   taken
pending     not taken now (`Unavailable`): tried again with growing pauses, for about a day
failed      refused for good, or not taken for a day
uncertain   sent without an answer, or by a process that ended in mid-send, where the
            receiver would show it twice: not sent again
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Final

from services.alerts.line import Line, Makes
from services.alerts.notify.port import Receiver
from services.store.store import Store
from services.stream.attempts import Backoff

log = logging.getLogger(__name__)

DRAIN_S: Final = 5.0
"""What is waiting when all ends is tried for so long."""
LAST_SEND_S: Final = 12.0
"""And who is in mid-send then is waited for so long."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How receivers are told."""

    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    clock: Callable[[], float] = time.monotonic
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=1.0, cap_s=300.0))
    drain_s: float = DRAIN_S


class Deliveries:
    """The threads that tell. Its methods may be called from any thread."""

    def __init__(
        self,
        receivers: Mapping[str, Receiver],
        open_store: Callable[[], Store],
        makes: Makes,
        told: Callable[[str], tuple[str, ...]],
        timing: Timing | None = None,
    ) -> None:
        """Each receiver gets a connection to the store of its own, and its messages from what
        `makes` makes on it. `told`: who is told at all in a namespace."""
        self._changed = Condition()
        self._tokens: Mapping[str, int] = {}
        self._round, self._ends_s = 0, float("inf")
        self._timing = timing = timing or Timing()
        self._lines = [
            Line(receiver, open_store, makes, told, self, timing) for receiver in receivers.values()
        ]
        for line in self._lines:
            line.start()

    def judge(self, tokens: Mapping[str, int]) -> None:
        """The namespaces that are ours now, with our tokens."""
        self._tokens = dict(tokens)

    def wake(self) -> None:
        """Something new may be in the outbox."""
        with self._changed:
            self._round += 1
            self._changed.notify_all()

    def health(self) -> Mapping[str, Any]:
        """By receiver: how many events wait, and why the last was not taken."""
        return {
            line.name: {"waiting": line.waiting, "trouble": line.trouble} for line in self._lines
        }

    def close(self) -> None:
        """Try once more what waits, briefly; what stays is told by whoever comes next."""
        with self._changed:
            self._ends_s = self._timing.clock() + self._timing.drain_s
            self._changed.notify_all()
        for line in self._lines:  # all at once, however many
            line.join(max(0.0, self._ends_s + LAST_SEND_S - self._timing.clock()))
            if line.is_alive():
                log.warning("%s is in mid-send still: what it was told is uncertain", line.name)

    # -- what the lines ask -----------------------------------------------------

    @property
    def tokens(self) -> Mapping[str, int]:
        return self._tokens

    @property
    def ending(self) -> bool:
        """Whether lines are to end once they have nothing more."""
        return self._ends_s < float("inf")

    @property
    def ended(self) -> bool:
        """Whether nothing new is to be sent."""
        return self._timing.clock() >= self._ends_s

    def wait(self, seen: int, timeout_s: float) -> int:
        """Until something is new or all ends; the round to wait for the next time."""
        with self._changed:
            self._changed.wait_for(lambda: self._round != seen or self.ending, timeout_s)
            return self._round
