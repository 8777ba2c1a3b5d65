"""One receiver's thread: what it is to be told, in order, each once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Set
from threading import Thread
from typing import Final, Protocol

from services import metrics
from services.alerts.notify.port import Message, Receiver, Rejected, TryLater, Uncertain
from services.errors import Rewound, Unavailable
from services.store.alerts import OPENED, STREAM, AlertEvent, Alerts
from services.store.outbox import (
    CLAIMED,
    DELIVERED,
    FAILED,
    PENDING,
    UNCERTAIN,
    Delivery,
    Outbox,
    State,
    Waiting,
)
from services.store.store import Store
from services.stream.attempts import Backoff

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
STUMBLE_S: Final = 60.0
"""Pause after an error that nobody has foreseen."""
REMEMBER_MS: Final = 60_000
"""How long we know what we told: longer than what a store may lose of its newest writes."""
MOST_ATTEMPTS: Final = 400
"""About a day, at three quarters of five minutes each."""

UNSAFE: Final = (
    "%s may be told twice of what the store forgets in a crash: it keeps no append-only file, "
    "or does not let us wait for it (WAITAOF: Valkey, or Redis 7.2)"
)

MakeMessage = Callable[[AlertEvent], Message]
Makes = Callable[[Store], MakeMessage]
"""How messages are made, given a connection to read with."""


class Times(Protocol):
    """See `deliver.Timing`."""

    @property
    def clock_ms(self) -> Callable[[], int]: ...

    @property
    def clock(self) -> Callable[[], float]: ...

    @property
    def backoff(self) -> Backoff: ...


class Office(Protocol):
    """What all lines share. See `deliver.Deliveries`."""

    @property
    def tokens(self) -> Mapping[str, int]: ...

    @property
    def ending(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    def wait(self, seen: int, timeout_s: float) -> int: ...


class Line(Thread):
    """Tells one receiver."""

    def __init__(
        self,
        receiver: Receiver,
        open_store: Callable[[], Store],
        makes: Makes,
        told: Callable[[str], tuple[str, ...]],
        office: Office,
        times: Times,
    ) -> None:
        super().__init__(name=receiver.name, daemon=True)
        self._receiver, self._open_store, self._makes, self._told = (
            receiver,
            open_store,
            makes,
            told,
        )
        self._office, self._times = office, times
        self._known: dict[str, Delivery] = {}
        """What became of sends, where the store could not be told yet, or may yet forget it."""
        self._warned = False
        self._patient_s = 0.0
        """Nothing is sent before then."""
        self._resend_s = 0.0
        self.waiting, self.trouble = 0, ""

    def run(self) -> None:
        """Until all ends."""
        store: Store | None = None
        seen = 0
        try:
            while True:
                ending = self._office.ending  # before we look: what we find then is all
                try:
                    store = store or self._open_store()
                    self._round(store)
                except Unavailable as error:
                    self.trouble = str(error)
                except Exception as error:  # a thread that ends would tell nobody any more
                    log.exception("%s can't be told", self.name)
                    self.trouble = f"our own fault: {type(error).__name__}; the log has more"
                    self._patient_s = self._times.clock() + STUMBLE_S
                if self._office.ended or (ending and self._is_through()):
                    return
                pause = max(LOOK_S, min(self._patient_s - self._times.clock(), 60.0))
                seen = self._office.wait(seen, 0.1 if self._office.ending else pause)
        finally:
            self._receiver.close()
            if store is not None:
                store.close()

    def _is_through(self) -> bool:
        """Nothing that could be sent now waits."""
        return not self.waiting or self._times.clock() < self._patient_s

    def _round(self, store: Store) -> None:
        """Everything that waits, as far as the receiver takes it."""
        outbox, tokens = Outbox(store), self._office.tokens
        found = outbox.waiting(list(tokens), self.name)
        self.waiting = len(found)
        self._forget({waiting.key for waiting in found})
        metrics.NOTIFICATIONS_WAITING.labels(self.name).set(len(found))
        message = self._makes(store) if self.name != STREAM else _bare
        for waiting in found:
            if self._office.ended or self._times.clock() < self._patient_s:
                return
            try:
                self._tell(outbox, tokens[waiting.namespace], waiting, message)
            except Rewound as error:
                log.info("%s", error)
            else:
                self.waiting -= 1
        self._resend(store, message)

    # -- one event --------------------------------------------------------------

    def _tell(self, outbox: Outbox, token: int, waiting: Waiting, message: MakeMessage) -> None:
        waiting = self._as_known(outbox, token, waiting)
        held = waiting.delivery
        if held.settled:
            return
        if held.state == CLAIMED and not self._receiver.repeats_are_dropped:
            # Claimed by a process that is gone.
            lost = self._after(waiting, UNCERTAIN, "a process ended while it was being sent")
            outbox.write(token, waiting, lost)
            return
        made = message(waiting.event)
        claim = Delivery(CLAIMED, held.attempts + 1, self._times.clock_ms())
        claimed = outbox.write(token, waiting, claim)
        unsent = Delivery(PENDING, claim.attempts, claim.changed_ms)
        self._known[waiting.key] = unsent
        if self._may_send(outbox, waiting):
            self._known[waiting.key] = self._send(claimed, made)
        outbox.write(token, claimed, self._known[waiting.key])

    def _as_known(self, outbox: Outbox, token: int, waiting: Waiting) -> Waiting:
        """Tell the store what became of it, where it could not be told or has forgotten it."""
        known, held = self._known.get(waiting.key), waiting.delivery
        if known is None or known == held or known.attempts < held.attempts:
            return waiting
        return outbox.write(token, waiting, known)

    def _may_send(self, outbox: Outbox, waiting: Waiting) -> bool:
        """Wait until the claim survives the store's end, where a repeat would be shown twice.
        False where all has ended meanwhile."""
        if self._receiver.repeats_are_dropped:
            return True
        if not outbox.make_durable(waiting.namespace) and not self._warned:
            self._warned = True
            log.warning(UNSAFE, self.name)
        return not self._office.ended

    def _forget(self, waiting: Set[str]) -> None:
        """What the store has had for long, we need not know any more."""
        since_ms = self._times.clock_ms() - REMEMBER_MS
        self._known = {
            key: known
            for key, known in self._known.items()
            if key in waiting or known.changed_ms > since_ms
        }

    def _send(self, waiting: Waiting, message: Message) -> Delivery:
        try:
            self._receiver.send(message)
        except Rejected as error:
            return self._after(waiting, FAILED, str(error))
        except Uncertain as error:
            return self._after(waiting, UNCERTAIN, str(error))
        except Unavailable as error:
            return self._later(waiting, error)
        except Exception as error:  # a receiver's own fault is not the pipeline's
            log.exception("%s failed", self.name)
            if self._receiver.repeats_are_dropped:
                return self._later(waiting, Unavailable(self.name, repr(error)))
            return self._after(waiting, UNCERTAIN, repr(error))
        return self._after(waiting, DELIVERED)

    def _after(self, waiting: Waiting, state: State, error: str = "") -> Delivery:
        self.trouble = error
        outcome = {FAILED: "rejected", PENDING: "retried"}.get(state, state)
        metrics.NOTIFICATIONS.labels(self.name, outcome).inc()
        if error:
            log.warning("%s: event %s is %s: %s", self.name, waiting.key, state, error)
        return Delivery(state, waiting.delivery.attempts, self._times.clock_ms(), error)

    def _later(self, waiting: Waiting, error: Unavailable) -> Delivery:
        attempts = waiting.delivery.attempts
        if attempts >= MOST_ATTEMPTS:
            return self._after(waiting, FAILED, f"given up after {attempts} tries: {error}")
        asked = error.after_s if isinstance(error, TryLater) else 0.0
        pause = max(asked, self._times.backoff.delay_s(attempts - 1))
        self._patient_s = self._times.clock() + pause
        return self._after(waiting, PENDING, str(error))

    # -- receivers that forget --------------------------------------------------

    def _resend(self, store: Store, message: MakeMessage) -> None:
        """Say again what is open, to a receiver that forgets what it hears no more of."""
        every = getattr(self._receiver, "resend_every_s", None)
        if every is None or self._times.clock() < self._resend_s or self._office.ending:
            return
        self._resend_s = self._times.clock() + every
        for namespace in self._office.tokens:
            if self.name in self._told(namespace):
                self._say_again(Alerts(store), namespace, message)

    def _say_again(self, alerts: Alerts, namespace: str, message: MakeMessage) -> None:
        for alert in alerts.open(namespace):
            if alert.owed == OPENED or not (alert.tell is None or self.name in alert.tell):
                continue
            worse = alert.state == "worse"
            event = AlertEvent("worsened" if worse else "opened", alert, alert.sequence)
            try:
                self._receiver.send(message(event))
            except (Unavailable, Uncertain, Rejected) as error:
                self.trouble = str(error)
                return


def _bare(event: AlertEvent) -> Message:
    """The stream carries the event alone."""
    return Message(event, "", "")
