"""The alert hop: closed minutes in; alerts, and events for the outbox, out.

Several may run; each namespace is judged by the one that holds its lease, the others stand by.
What one decides, it writes only while the lease is its own (services/store/alerts.py). Embedded,
the hop looks after one namespace; else after all that are registered and have rules.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol
from uuid import uuid4

from services import metrics
from services.alerts.detector_types import MINUTE_MS
from services.alerts.follow import Follower, Rules, Wiring
from services.alerts.gaps import Gaps
from services.alerts.minutes import Minutes
from services.errors import Rewound, Unavailable
from services.store import sources
from services.store.reader import Reader
from services.store.store import Store
from services.stream.attempts import Attempts, Backoff, Later

log = logging.getLogger(__name__)

STAGE = "alerts"
LEASE_MS = 10_000
DISCOVER_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """Times of the hop."""

    live: str = "live"
    namespaces: tuple[str, ...] | None = None
    """Those to judge; None: all."""
    lease_ms: int = LEASE_MS
    """Who has not been heard of for so long is replaced."""
    poll_s: float = 0.25
    settled_s: float = 10.0
    """Between two looks at a replay that is through."""


class Telling(Protocol):
    """Whoever tells the receivers, in threads of its own."""

    def judge(self, tokens: Mapping[str, int]) -> None:
        """The namespaces that are ours now, with our tokens."""

    def wake(self) -> None:
        """Something new may be in the outbox."""

    def health(self) -> Mapping[str, Any]: ...

    def close(self) -> None: ...


class AlertHop:
    """Steps all namespaces that are ours. Used by one thread."""

    def __init__(
        self,
        store: Store,
        options: Options,
        rules_of: Callable[[str], Rules | None],
        wiring: Wiring,
        telling: Telling,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`rules_of` a namespace: the same object until they change; None: it has none."""
        self._store, self._reader, self._options = store, Reader(store), options
        self._rules_of, self._wiring, self._telling = rules_of, wiring, telling
        self._clock, self._sleep = clock, sleep
        self._attempts = Attempts(STAGE, backoff or Backoff(), clock)
        self._holder = uuid4().hex
        self._tokens: dict[str, int] = {}
        self._followers: dict[str, tuple[Rules, Follower]] = {}
        self._rest: dict[str, float] = {}
        """Namespaces that have nothing for us before then."""
        self._held_s = self._due_s = -float("inf")
        self._patience_s: float | None = None

    # -- driving ----------------------------------------------------------------

    def step(self, timeout_s: float = 0.0) -> bool:
        """Judge what has closed since; waits for `timeout_s` at most. Whether anything had."""
        metrics.LOOP.labels(STAGE).set_to_current_time()
        wait = max(self._attempts.wait_s, self._due_s - self._clock())
        if wait > 0 and timeout_s > 0:
            self._sleep(min(wait, timeout_s))
        if wait > timeout_s:
            return False
        try:
            did = self._attempts.make("judge", self._judge)
        except Later:
            return False
        except Rewound as error:
            log.warning("alerts: read anew: %s", error)
            self._held_s = -float("inf")
            did = True
        self._due_s = self._clock() + (0.0 if did else self._options.poll_s)
        return did

    def run(self, stop: Event) -> None:
        """Until `stop` is set."""
        try:
            self._attempts.keep_on(self.step, stop.is_set)
        finally:
            self.close()

    def run_dry(self) -> None:
        """Judge everything that is closed; waits where the store is away."""
        self._due_s = -float("inf")
        while self.behind():
            if not self.step():
                self._sleep(0.05)

    def behind(self) -> int:
        """Minutes that are closed and not judged. What another process holds is its own."""
        try:
            names = self._names()
            reached = self._wiring.alerts.evaluated(names)
            late = [self._late(name, reached[name]) for name in names]
        except Unavailable:
            return 1
        if not any(late):
            self._patience_s = None
        return 0 if self._is_others(names) else sum(late)

    def health(self) -> Mapping[str, Any]:
        """For `/healthz`; may be called from another thread."""
        return {
            **self._attempts.health(),
            "namespaces": sorted(self._tokens),
            "receivers": self._telling.health(),
        }

    def close(self) -> None:
        """Let others take over. The store stays open."""
        self._telling.close()
        try:
            self._wiring.alerts.release(list(self._tokens), self._holder)
        except Unavailable as error:
            log.warning("alerts: the leases run out by themselves: %s", error)
        self._tokens = {}

    # -- judging ----------------------------------------------------------------

    def _judge(self) -> bool:
        self._hold()
        did = False
        for name in list(self._tokens):
            if self._clock() >= self._rest.get(name, 0.0):
                did = self._look(name) or did
        return did

    def _hold(self) -> None:
        """Take or keep leases, thrice as often as they run out; new namespaces within a second."""
        if self._clock() - self._held_s < min(DISCOVER_S, self._options.lease_ms / 3000):
            return
        names = self._names()
        tokens = self._wiring.alerts.hold(names, self._holder, self._options.lease_ms)
        self._held_s = self._clock()
        for name in [n for n in self._followers if tokens.get(n) != self._tokens.get(n)]:
            del self._followers[name]
        for name in [n for n in tokens if n not in self._tokens and n != self._options.live]:
            self._wiring.alerts.begin(name, tokens[name], 0)  # before anything can be dropped
        self._tokens = tokens
        self._telling.judge(tokens)

    def _names(self) -> list[str]:
        if self._options.namespaces is not None:
            return list(self._options.namespaces)
        names = [namespace.name for namespace in self._reader.namespaces()]
        return [name for name in names if self._rules_of(name) is not None]

    def _look(self, name: str) -> bool:
        """Judge what has closed in one namespace; whether anything had."""
        closed = self._closed(name)
        rules = self._rules_of(name)
        if closed is None or rules is None:
            return False
        try:
            follower = self._follower(name, rules, closed[0])
            if closed[0] <= follower.evaluated_ms:
                if closed[1]:
                    self._rest[name] = self._clock() + self._options.settled_s
                return False
            if name == self._options.live:
                follower.look(self._gaps(name))
            if name not in self._tokens:  # reading what came before took too long
                raise Rewound(f"the alerts of {name!r} are another process's now")
            follower.advance(self._tokens[name], closed[0])
        except BaseException:
            self._followers.pop(name, None)  # it may have judged what was not written
            raise
        self._telling.wake()
        if name == self._options.live:
            self._count(name)
        return True

    def _closed(self, name: str) -> tuple[int, bool] | None:
        """Up to where whole minutes are closed, and whether nothing more comes."""
        watermark = self._reader.watermark(name)
        if watermark.ms is None:
            return None
        whole = watermark.ms // MINUTE_MS * MINUTE_MS
        return whole + (MINUTE_MS if watermark.ended else 0), watermark.ended

    def _follower(self, name: str, rules: Rules, closed_ms: int) -> Follower:
        held = self._followers.get(name)
        if held is None or held[0] is not rules:
            live = name == self._options.live
            self._wiring.alerts.begin(name, self._tokens[name], closed_ms if live else 0)
            minutes = Minutes(self._store, name, rules)
            gaps = self._gaps(name) if live else Gaps()
            made = Follower(name, rules, self._wiring, minutes, gaps, closed_ms, self._hold)
            held = rules, made
            self._followers[name] = held
        return held[1]

    def _gaps(self, name: str) -> Gaps:
        return Gaps(sources.statuses(self._store.client, name).values())

    def _count(self, name: str) -> None:
        severities = [alert.severity for alert in self._wiring.alerts.open(name)]
        for severity in ("info", "warning", "critical"):
            metrics.ALERTS_OPEN.labels(name, severity).set(severities.count(severity))

    # -- what is left -----------------------------------------------------------

    def _late(self, name: str, reached_ms: int | None) -> int:
        closed = self._closed(name)
        if closed is None or self._rules_of(name) is None:
            return 0
        if reached_ms is None:
            follower = self._followers.get(name)
            reached_ms = follower[1].evaluated_ms if follower else closed[0] - MINUTE_MS
        return max(0, closed[0] - reached_ms) // MINUTE_MS

    def _is_others(self, names: Sequence[str]) -> bool:
        """Whether another process has held what is left for longer than a dead one could."""
        if set(names) <= self._tokens.keys():
            return False
        if self._patience_s is None:
            self._patience_s = self._clock() + 2 * self._options.lease_ms / 1000
        return self._clock() > self._patience_s
