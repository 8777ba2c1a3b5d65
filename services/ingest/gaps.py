"""What a live source knows about itself: connected or not, how far behind, and what it missed.

A *gap* is a window of event time in which the connection was not there. It is
`filled` once the platform has played it back; what was not played back is
lost, and says so until somebody looks: in the metrics, and in the status that
is written to the store.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from services import metrics
from services.store.source_status import Gap, Status

log = logging.getLogger(__name__)

ClockMs = Callable[[], int]
KEPT = 100
"""Gaps that a status carries, newest last."""


@dataclass(slots=True)
class Watch:
    """Kept by a source's connection, read by whoever publishes. Safe between two threads."""

    source: str
    clock_ms: ClockMs
    last_event_ms: int = 0
    _connected: bool = False
    _since_ms: int = 0
    _host: str = ""
    _cause: str = "not connected yet"
    _lag_ms: int = 0
    _events: int = 0
    _reconnects: int = 0
    _lost_ms: int = 0
    _gaps: deque[Gap] = field(default_factory=lambda: deque(maxlen=KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connected(self, host: str) -> None:
        with self._lock:
            self._connected, self._since_ms = True, self.clock_ms()
            self._host, self._cause = host, ""
        log.info("%s: connected to %s", self.source, host)
        metrics.SOURCE_CONNECTED.labels(self.source).set(1)

    def disconnected(self, cause: str) -> None:
        """The connection ended or could not be had; the first cause of an outage stays."""
        with self._lock:
            if news := self._connected or not self._since_ms:
                self._connected, self._since_ms, self._cause = False, self.clock_ms(), cause
            self._reconnects += 1
        if news:
            why = cause.replace("_", " ")
            log.warning("%s: not connected (%s); tried again until it answers", self.source, why)
        metrics.SOURCE_CONNECTED.labels(self.source).set(0)
        metrics.SOURCE_RECONNECTS.labels(self.source, cause).inc()

    def received(self, count: int, newest_ms: int) -> None:
        """Some events came, the newest of this event time."""
        with self._lock:
            self._events += count
            if newest_ms > self.last_event_ms:
                self.last_event_ms = newest_ms
                self._lag_ms = max(0, self.clock_ms() - newest_ms)
        metrics.SOURCE_EVENTS.labels(self.source).inc(count)
        metrics.SOURCE_LAST_EVENT.labels(self.source).set(self.last_event_ms / 1000)
        metrics.SOURCE_LAG.labels(self.source).set(self._lag_ms / 1000)

    def gap(self, from_ms: int, to_ms: int, cause: str, *, filled: bool) -> None:
        """A window without connection is over; nothing is noted of one without length."""
        if to_ms <= from_ms:
            return
        with self._lock:
            self._gaps.append(Gap(from_ms, to_ms, cause, filled))
            self._lost_ms += 0 if filled else to_ms - from_ms
        metrics.SOURCE_GAPS.labels(self.source, cause, "yes" if filled else "no").inc()
        if not filled:
            metrics.SOURCE_LOST.labels(self.source).inc((to_ms - from_ms) / 1000)

    def status(self) -> Status:
        with self._lock:
            return Status(
                self.source,
                self._connected,
                self._since_ms,
                self._host,
                self._cause,
                self.last_event_ms,
                self._lag_ms,
                self._events,
                self._reconnects,
                self._lost_ms,
                tuple(self._gaps),
            )
