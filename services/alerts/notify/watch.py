"""Says in a metric which receiver takes no messages."""

from __future__ import annotations

from services import metrics
from services.alerts.notify.port import Message, Receiver


class Watched:
    """A receiver, and whether it took its last message."""

    def __init__(self, inner: Receiver) -> None:
        self._inner = inner
        self._failing = metrics.RECEIVER_FAILING.labels(inner.name)
        self._failing.set(0)

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def repeats_are_dropped(self) -> bool:
        return self._inner.repeats_are_dropped

    @property
    def resend_every_s(self) -> float | None:
        return self._inner.resend_every_s

    def send(self, message: Message) -> None:
        try:
            self._inner.send(message)
        except Exception:
            self._failing.set(1)
            raise
        self._failing.set(0)

    def close(self) -> None:
        self._inner.close()
