"""The outbox of alerts: who is yet to be told of what, in the store, so that nobody is told twice.

    ut:{ns}:alerts:outbox:events       hash   "id:sequence" -> `Outgoing` as JSON
    ut:{ns}:alerts:outbox:pending:<receiver>   zset   "id:sequence", in the order of the events
    ut:{ns}:alerts:outbox:deliveries   hash   "receiver|id:sequence" -> `Delivery` as JSON

    ut:{ns}:alerts:synced                string, what is written to wait for the disk; for a minute

Events come here in the step that decided them (`alerts.py`). A delivery is *claimed* before
it is sent. Whoever finds one that is claimed and not settled knows that a process ended between
the two: a receiver that drops repeats by itself is told again, any other is not, and the
delivery is *uncertain*. Before such a one is told, its claim is waited for (`make_durable`): else
a server that loses its last second would lose the claim of what was told in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import msgspec

from services.errors import Rewound
from services.store.alerts import ALERTS, Alert, AlertEvent, Alerts, Outgoing, head_key
from services.store.store import DURABLE_TIMEOUT_MS, Store

State: TypeAlias = Literal["pending", "claimed", "delivered", "failed", "uncertain"]
PENDING: Final = "pending"
CLAIMED: Final = "claimed"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
UNCERTAIN: Final = "uncertain"


class Delivery(msgspec.Struct, frozen=True):
    """What became of telling one receiver of one event."""

    state: State
    attempts: int = 0
    changed_ms: int = 0
    """Wall time, ms since 1970; 0 where nobody has tried yet."""
    error: str = ""

    @property
    def settled(self) -> bool:
        """Nothing more is tried."""
        return self.state in (DELIVERED, FAILED, UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event that one receiver is yet to be told of."""

    namespace: str
    receiver: str
    key: str
    event: AlertEvent
    delivery: Delivery


_outgoing = msgspec.json.Decoder(Outgoing).decode
_delivery = msgspec.json.Decoder(Delivery).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class History:
    """An alert as it stands, and all events that led there, oldest first."""

    alert: Alert
    events: tuple[AlertEvent, ...]


class Outbox:
    """Reads for everybody, writes for who holds a namespace's lease."""

    def __init__(self, store: Store) -> None:
        self._store, self._client = store, store.client

    def waiting(self, namespaces: Sequence[str], receiver: str, most: int = 100) -> list[Waiting]:
        """What the receiver is yet to be told, in the order of the events of each namespace."""
        keys = [f"{head_key(name)}:outbox:pending:{receiver}" for name in namespaces]
        answers = self._client.pipe([("ZRANGE", key, 0, most - 1) for key in keys])
        found: list[Waiting] = []
        for namespace, held in zip(namespaces, answers, strict=True):
            if held:
                found += self._read(namespace, receiver, [key.decode() for key in held])
        return found

    def _read(self, namespace: str, receiver: str, keys: Sequence[str]) -> list[Waiting]:
        own = head_key(namespace) + ":outbox:"
        members = [f"{receiver}|{key}" for key in keys]
        events, deliveries = self._client.pipe(
            [("HMGET", own + "events", *keys), ("HMGET", own + "deliveries", *members)]
        )
        return [
            Waiting(namespace, receiver, key, _outgoing(event).event, _delivery(state))
            for key, event, state in zip(keys, events, deliveries, strict=True)
            if event is not None and state is not None
        ]

    def write(self, token: int, waiting: Waiting, delivery: Delivery) -> Waiting:
        """Replace what is known of a delivery, and give it back so. `Rewound` where the lease is
        another's, or the delivery is not what we read."""
        call = (
            head_key(waiting.namespace),
            str(token),
            waiting.receiver,
            waiting.key,
            waiting.delivery.attempts,
            _encode(delivery),
            int(delivery.settled),
        )
        if self._store.scripts.run("alerts_deliver", [call])[0] != 1:
            raise Rewound(f"{waiting.receiver}: another process tells the receivers now")
        return replace(waiting, delivery=delivery)

    def make_durable(self, namespace: str) -> bool:
        """Return once all that was written of the namespace's alerts survives the loss of the
        server. False where the server can't say so; `Unavailable` where it takes seconds."""
        return self._client.sync(head_key(namespace) + ":synced", DURABLE_TIMEOUT_MS)

    def deliveries(
        self, namespace: str, events: Sequence[tuple[str, int]]
    ) -> Mapping[str, Mapping[str, Delivery]]:
        """By event key ("id:sequence"), what became of each receiver's delivery."""
        if not events:
            return {}
        own = head_key(namespace) + ":outbox:"
        keys = [f"{alert}:{sequence}" for alert, sequence in events]
        held = self._client.call("HMGET", own + "events", *keys)
        members = [
            (key, f"{receiver}|{key}")
            for key, value in zip(keys, held, strict=True)
            if value is not None
            for receiver in _outgoing(value).receivers
        ]
        if not members:
            return {}
        states = self._client.call("HMGET", own + "deliveries", *(member for _, member in members))
        found: dict[str, dict[str, Delivery]] = {}
        for (key, member), state in zip(members, states, strict=True):
            if state is not None:
                found.setdefault(key, {})[member.partition("|")[0]] = _delivery(state)
        return found


def histories(store: Store, namespace: str, book: str = ALERTS) -> list[History]:
    """Every alert of a namespace with its events, oldest first."""
    held = store.client.call("HGETALL", head_key(namespace, book) + ":outbox:events")
    events: dict[str, list[AlertEvent]] = {}
    for value in held.values():
        event = _outgoing(value).event
        events.setdefault(event.alert.id, []).append(event)
    found = Alerts(store, book).list(namespace, limit=-1)
    return [
        History(alert, tuple(sorted(events.get(alert.id, ()), key=lambda event: event.sequence)))
        for alert in sorted(found, key=lambda alert: (alert.opened_ms, alert.topic, alert.rule))
    ]
