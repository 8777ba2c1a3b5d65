"""Alerts in the store: what was raised, how far it was judged, who judges now.

    ut:{ns}:alerts                hash    evaluated, silent, heard, token, holder, until, sent
    ut:{ns}:alerts:docs           hash    id -> `Alert` as JSON
    ut:{ns}:alerts:times          zset    ids by when they opened; `:of:<topic>` the same of a topic
    ut:{ns}:alerts:open           set     ids that are not resolved
    ut:{ns}:alerts:last           hash    "topic/rule" -> id of its newest alert
    ut:{ns}:alerts:states         hash    topic -> detector's state behind its minute (8 bytes)
    ut:{ns}:alerts:rules          string  the rules of a replay, as its topics file has them
    ut:{ns}:alerts:outbox:*               what receivers are yet to be told (`outbox.py`)

One script writes what a step decided, everything or nothing of it, and only for who holds the
namespace's lease (its `token`) and found `evaluated` where the store has it. So a process that
was killed, or thought dead, repeats nothing and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.errors import Rewound
from services.store import schema
from services.store.alert_records import (
    OPENED,
    RESOLVED,
    WORSENED,
    Alert,
    AlertEvent,
    Explanation,
    PostRef,
    RisingPhrase,
    alert_id,
)
from services.store.store import Store

__all__ = [
    "ALERTS",
    "COMPARED",
    "KEPT_MS",
    "OPENED",
    "RESOLVED",
    "STREAM",
    "WORSENED",
    "Alert",
    "AlertEvent",
    "Alerts",
    "Decided",
    "Explanation",
    "Judged",
    "Outgoing",
    "PostRef",
    "RisingPhrase",
    "alert_id",
    "head_key",
]

KEPT_MS = schema.HOURS.keep_ms
"""A live alert is kept so long in event time after it opened, and while it is open; those of a
replay until that is deleted."""
ALERTS, COMPARED = schema.BOOKS
STREAM = "stream"
"""The receiver that stands for the `alerts` stream; every event goes there."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event, and the receivers to be told."""

    event: AlertEvent
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """How far a namespace is judged. None: never yet."""

    evaluated_ms: int | None = None
    silent_ms: int = 0
    """Before this nothing is raised: the past of a namespace that was there before its alerts."""
    heard_ms: int = 0
    """The end of the newest judged minute that had a post."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a step decided, all of it written at once."""

    evaluated_ms: int
    heard_ms: int = 0
    alerts: Sequence[Alert] = ()
    """Those that changed in any way."""
    events: Sequence[Outgoing] = ()
    oldest_ms: int = 0
    """Alerts that opened before and are resolved are dropped."""
    states: Sequence[tuple[str, int, bytes]] = ()
    """Detector states: topic, the minute's end that they stand at, the state."""


_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_alert = msgspec.json.Decoder(Alert).decode


def head_key(namespace: str, book: str = ALERTS) -> str:
    """What every key of a namespace's alerts starts with, and the hash itself."""
    return schema.namespace_prefix(namespace) + book


class Alerts:
    """Reads for everybody, writes for the alert hop. `Unavailable` where the store is away."""

    def __init__(self, store: Store, book: str = ALERTS) -> None:
        self._store, self._client, self._book = store, store.client, book

    def _head(self, namespace: str) -> str:
        return head_key(namespace, self._book)

    # -- what was raised --------------------------------------------------------

    def list(
        self,
        namespace: str,
        topic: str | None = None,
        start_ms: int | None = None,
        stop_ms: int | None = None,
        limit: int = 100,
    ) -> Sequence[Alert]:
        """Alerts that opened in [start_ms, stop_ms), newest first; all for a limit of -1."""
        key = f"{self._head(namespace)}:{'times' if topic is None else f'of:{topic}'}"
        highest = "+inf" if stop_ms is None else f"({stop_ms}"
        lowest = "-inf" if start_ms is None else start_ms
        ids = self._client.call("ZREVRANGEBYSCORE", key, highest, lowest, "LIMIT", 0, limit)
        return self._docs(namespace, ids)

    def open(self, namespace: str) -> Sequence[Alert]:
        """Alerts that are not resolved, in the order in which they opened."""
        ids = self._client.call("SMEMBERS", self._head(namespace) + ":open")
        found = self._docs(namespace, list(ids))
        return sorted(found, key=lambda alert: (alert.opened_ms, alert.topic, alert.rule))

    def get(self, namespace: str, alert: str) -> Alert | None:
        """One alert by its id."""
        found = self._docs(namespace, [alert.encode()])
        return found[0] if found else None

    def topics(self, namespace: str) -> set[str]:
        """Topics that ever had an alert."""
        names = self._client.call("HKEYS", self._head(namespace) + ":last")
        return {name.decode().partition("/")[0] for name in names}

    def newest(self, namespace: str) -> dict[tuple[str, str], Alert]:
        """By (topic, rule), its newest alert: what a rule goes on from."""
        ids = self._client.call("HVALS", self._head(namespace) + ":last")
        return {(alert.topic, alert.rule): alert for alert in self._docs(namespace, ids)}

    def _docs(self, namespace: str, ids: Sequence[bytes]) -> Sequence[Alert]:
        if not ids:
            return []
        held = self._client.call("HMGET", self._head(namespace) + ":docs", *ids)
        return [_alert(doc) for doc in held if doc is not None]

    # -- rules of a replay ------------------------------------------------------

    def save_rules(self, namespace: str, rules: bytes) -> None:
        """The rules by which a replay's alerts are raised, wherever that is done (JSON)."""
        self._client.call("SET", self._head(namespace) + ":rules", rules)

    def load_rules(self, namespace: str) -> bytes | None:
        held: bytes | None = self._client.call("GET", self._head(namespace) + ":rules")
        return held

    # -- who judges -------------------------------------------------------------

    def hold(self, namespaces: Sequence[str], holder: str, ttl_ms: int) -> dict[str, int]:
        """Take or keep the lease of each namespace; the tokens of those that we hold now.

        A token changes with every new holder, and only its holder may write.
        """
        calls = [(self._head(namespace), holder, ttl_ms) for namespace in namespaces]
        tokens = self._store.scripts.run("alerts_lease", calls)
        return {name: int(token) for name, token in zip(namespaces, tokens, strict=True) if token}

    def release(self, namespaces: Sequence[str], holder: str) -> None:
        """Let go at once, so that another process need not wait."""
        self._store.scripts.run("alerts_lease", [(self._head(n), holder, 0) for n in namespaces])

    # -- how far it is judged ---------------------------------------------------

    def judged(self, namespace: str) -> Judged:
        """How far a namespace is judged."""
        held = self._client.call("HMGET", self._head(namespace), "evaluated", "silent", "heard")
        evaluated, silent, heard = (None if value is None else int(value) for value in held)
        return Judged(evaluated, silent or 0, heard or 0)

    def evaluated(self, namespaces: Sequence[str]) -> dict[str, int | None]:
        """How far each namespace is judged, in one round trip."""
        held = self._client.pipe([("HGET", self._head(n), "evaluated") for n in namespaces])
        return {
            name: None if value is None else int(value)
            for name, value in zip(namespaces, held, strict=True)
        }

    def begin(self, namespace: str, token: int, silent_ms: int) -> None:
        """Before a namespace is first judged: hold back what the aggregators would drop."""
        head = self._head(namespace)
        answers = self._store.scripts.run("alerts_begin", [(head, str(token), silent_ms)])
        _ours(namespace, answers)

    def states(self, namespace: str) -> dict[str, tuple[int, bytes]]:
        """Per topic, the minute's end at which the detector's state was kept, and the state."""
        held = self._client.call("HGETALL", self._head(namespace) + ":states")
        return {
            topic.decode(): (int.from_bytes(value[:8], "big"), value[8:])
            for topic, value in held.items()
        }

    def commit(self, namespace: str, token: int, expected_ms: int | None, decided: Decided) -> None:
        """Write what a step decided. `Rewound` where we are not the holder any more, or the store
        is not where we left it: then nothing is written, and all must be read anew."""
        head = self._head(namespace)
        packed = _pack(
            (
                str(token),
                "" if expected_ms is None else str(expected_ms),
                str(decided.evaluated_ms),
                str(decided.heard_ms),
                [_row(alert) for alert in decided.alerts],
                [(o.event.key, _encode(o).decode(), o.receivers) for o in decided.events],
                decided.oldest_ms,
            )
        )
        states: list[object] = []
        for topic, end_ms, state in decided.states:
            states += [topic, end_ms.to_bytes(8, "big") + state]
        _ours(namespace, self._store.scripts.run("alerts_commit", [(head, packed, *states)]))

    def forget_states(self, namespace: str, topics: Sequence[str]) -> None:
        """Drop the detector states of topics that are monitored no more."""
        if topics:
            self._client.call("HDEL", self._head(namespace) + ":states", *topics)


def _row(alert: Alert) -> tuple[str, str, str, int, str, int]:
    doc = _encode(alert).decode()
    return (alert.id, alert.topic, alert.rule, alert.opened_ms, doc, int(alert.is_open))


def _ours(namespace: str, answers: Sequence[int]) -> None:
    if answers[0] != 1:
        raise Rewound(f"alerts of {namespace!r} are another process's now, or the store is older")
