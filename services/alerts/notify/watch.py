"""Remembers how the last message to a receiver went, and says which receiver is failing."""

from __future__ import annotations

from collections.abc import Mapping

from services import metrics
from services.alerts.notify.port import Message, Receiver, Rejected, TryLater, Uncertain


class Watched:
    """A receiver, and how its last message went."""

    def __init__(self, inner: Receiver) -> None:
        self._inner = inner
        self.trouble = ""
        """Why the last message was not taken; empty once one is."""
        metrics.RECEIVER_FAILING.labels(inner.name).set(0)

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
        except (TryLater, Uncertain, Rejected) as error:
            self._note(str(error))
            raise
        self._note("")

    def _note(self, trouble: str) -> None:
        self.trouble = trouble
        metrics.RECEIVER_FAILING.labels(self.name).set(bool(trouble))

    def close(self) -> None:
        self._inner.close()


def troubles(receivers: Mapping[str, Receiver]) -> list[str]:
    """What is wrong with receivers now, a line each; what a hop's health reports."""
    return [r.trouble for r in receivers.values() if isinstance(r, Watched) and r.trouble]
