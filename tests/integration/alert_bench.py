"""The alert hop over panes written by hand: three topics with a rule each, receivers that obey."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from services.alerts.books import Book, Books, dump
from services.alerts.deliver import Deliveries, Timing
from services.alerts.detector_types import MINUTE_MS
from services.alerts.follow import Wiring
from services.alerts.hop import AlertHop, Options
from services.alerts.notify.port import Message
from services.store import Store
from services.store.alerts import Alert, Alerts
from services.store.outbox import Outbox
from services.stream.attempts import Backoff
from services.topics.rules import Rule
from tests.alerting import START_MS, Plain, close, moods, put
from tests.servers.valkey import ValkeyCluster, ValkeyServer

NS = "replay-a"
TOPICS = {f"topic {n}": n for n in range(3)}
RULES = {
    topic: (
        Rule(
            "mood",
            "negative_share",
            resolve_after_ms=3 * MINUTE_MS,
            cool_down_ms=MINUTE_MS,
            worsens_by=1.05,
        ),
    )
    for topic in TOPICS
}
QUICK = Timing(backoff=Backoff(0.02, 0.1), drain_s=20.0)
"""Whoever takes what it is told is told all; it ends as soon as nothing waits."""

Server = ValkeyServer | ValkeyCluster


def fill(store: Store, namespace: str = NS, minutes: int = 240) -> int:
    """Panes of all topics, and the rules; the end of the last minute."""
    for topic, seed in TOPICS.items():
        put(store, namespace, topic, START_MS, moods(minutes, seed))
    Alerts(store).save_rules(namespace, dump(Book(dict(RULES), {})))
    return START_MS + minutes * MINUTE_MS


def hop(
    valkey: Server,
    store: Store,
    receivers: Mapping[str, Any] | None = None,
    told: tuple[str, ...] = (),
    make_bank: Callable[[], Any] = Plain,
    timing: Timing = QUICK,
) -> AlertHop:
    """`told`: receivers that this process does not have."""
    given = receivers or {}
    told = (*given, *told)
    telling = Deliveries(
        given, valkey.open, lambda _: lambda e: Message(e, "", ""), lambda _: told, timing
    )
    return AlertHop(
        store,
        Options(lease_ms=300, poll_s=0.0),
        Books(Alerts(store), "live", None).rules,
        Wiring(Alerts(store), make_bank=make_bank, told=lambda _: told),
        telling,
        backoff=Backoff(0.01, 0.05),
    )


def judge(valkey: Server, store: Store, **more: Any) -> None:
    """Everything that is closed, by a hop of its own."""
    made = hop(valkey, store, **more)
    made.step()
    made.run_dry()
    made.close()


def raised(store: Store, namespace: str = NS) -> list[Alert]:
    found = Alerts(store).list(namespace, limit=10_000)
    return sorted(found, key=lambda a: (a.opened_ms, a.topic))


def alike(alerts: list[Alert]) -> list[Alert]:
    """Without what the namespace's name makes different."""
    return [msgspec.structs.replace(alert, id="", namespace="") for alert in alerts]


def undisturbed(valkey: ValkeyServer, store: Store) -> list[Alert]:
    """What one process raises that is never interrupted, in a namespace of its own."""
    close(store, "undisturbed", fill(store, "undisturbed"), ended=True)
    judge(valkey, store)
    found = raised(store, "undisturbed")
    assert len(found) >= 12
    assert any(alert.sequence > 2 for alert in found)
    return found


class Told:
    """A receiver whose answers a test decides."""

    resend_every_s: float | None = None

    def __init__(self, name: str, *, repeats_are_dropped: bool = True) -> None:
        self.name, self.repeats_are_dropped = name, repeats_are_dropped
        self.keys: list[str] = []
        self.answers: list[Exception] = []

    def send(self, message: Message) -> None:
        if self.answers:
            raise self.answers.pop(0)
        self.keys.append(message.key)

    def close(self) -> None: ...


def await_told(store: Store, receivers: tuple[str, ...], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while any(Outbox(store).waiting([NS], receiver) for receiver in receivers):
        assert time.monotonic() < deadline, "something is never told"
        time.sleep(0.05)


def states(store: Store, receiver: str) -> Counter[str]:
    found = [(a.id, n) for a in raised(store) for n in range(1, a.sequence + 1)]
    told = Outbox(store).deliveries(NS, found)
    return Counter(held[receiver].state for held in told.values())
