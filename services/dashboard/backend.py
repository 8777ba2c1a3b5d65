"""What the dashboard reads from, and the few threads in which it does so.

The store's client waits for its answers, the server must not: every read runs
in a small pool of threads. Nothing here writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from services.dashboard.problems import not_found
from services.dashboard.recent import Recent
from services.errors import Unavailable
from services.store import schema, sources
from services.store.alerts import Alert, Alerts
from services.store.reader import LIVE, Namespace, Reader, Watermark
from services.store.source_status import Status, decode
from services.store.store import Store

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 4
PATIENCE_S: Final = 15.0
STATE_S: Final = 0.5
SOURCES_S: Final = 2.0
ALERTED_S: Final = 1.0
"""How old what many readers need may be: a round trip to the store costs as much as all the rest
of an answer."""


@dataclass(frozen=True, slots=True)
class State:
    """A namespace, and how far it is."""

    namespace: Namespace
    watermark: Watermark
    newest_ms: int | None
    """The newest post of any topic."""
    topics: int

    @property
    def name(self) -> str:
        return self.namespace.name

    @property
    def is_live(self) -> bool:
        return self.namespace.kind == LIVE


class Backend:
    """The store, read by several threads."""

    def __init__(self, store: Store, *, live: str, clock_ms: Callable[[], int]) -> None:
        """`live` names the namespace of live figures."""
        self.store, self.live, self.clock_ms = store, live, clock_ms
        self.reader = Reader(store)
        self._recent = Recent()
        self._pool = ThreadPoolExecutor(THREADS, "dashboard")

    async def ask(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in one of the threads. `Unavailable` where the store takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.do(work, *args, **kwargs)
        except TimeoutError:
            raise Unavailable("store", f"no answer within {PATIENCE_S:.0f} s") from None

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for work that may take its time, while nobody waits for it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    def namespaces(self) -> list[State]:
        """Every namespace: live first, then replays, the newest first."""
        found = [self._state_of(namespace) for namespace in self._known()]
        return sorted(found, key=lambda s: (not s.is_live, -s.namespace.created_ms, s.name))

    def state(self, name: str | None) -> State:
        """The namespace of that name. Without one: live, or the newest replay where live has
        nothing yet. `Refused` (404) where it does not exist."""
        if name is not None:
            return self._state_of(self._named(name))
        states = self.namespaces()
        if not states:
            raise not_found("nothing was counted yet: start undertone replay or undertone run")
        return next((s for s in states if s.topics), states[0])

    def _named(self, name: str) -> Namespace:
        # One that is new is not among those of a moment ago: a replay shows its page at once.
        for look in (self._known, self.reader.namespaces):
            known = {namespace.name: namespace for namespace in look()}
            if name in known:
                return known[name]
        names = ", ".join(known) or "none yet"
        raise not_found(f"there is no namespace {name[:100]!r}; there are: {names}")

    def _known(self) -> list[Namespace]:
        return self._recent.get("namespaces", STATE_S, self.reader.namespaces)

    def _state_of(self, namespace: Namespace) -> State:
        key = ("state", namespace.name)
        return self._recent.get(key, STATE_S, lambda: self._state(namespace))

    def statuses(self, namespace: str) -> list[Status]:
        """What its live sources last said of themselves, by name."""

        def find() -> list[Status]:
            held = sources.statuses(self.store.client, namespace)
            return [decode(held[name]) for name in sorted(held)]

        return self._recent.get(("statuses", namespace), SOURCES_S, find)

    def alerts_of(self, namespace: str, topic: str, stop_ms: int, most: int) -> Sequence[Alert]:
        """Alerts of a topic that opened before `stop_ms`, newest first."""
        alerts = Alerts(self.store)
        key = ("alerted", namespace)
        if topic not in self._recent.get(key, ALERTED_S, lambda: alerts.topics(namespace)):
            return []
        return alerts.list(namespace, topic, None, stop_ms, most)

    def first_last(self, namespace: str, topic: str) -> tuple[int | None, int | None]:
        """The times of the topic's first and last post."""
        key = schema.topic_prefix(namespace, topic) + "totals"
        first, last = self.store.client.call("HMGET", key, "first_post", "last_post")
        return (first and int(first)), (last and int(last))

    def require_topic(self, state: State, topic: str) -> None:
        """`Refused` (404) where the namespace has no post of the topic."""
        key = schema.namespace_prefix(state.name) + "topics"
        if self.store.client.call("ZSCORE", key, topic) is None:
            raise not_found(f"no post of topic {topic[:100]!r} in {state.name!r}")

    def _state(self, namespace: Namespace) -> State:
        key = schema.namespace_prefix(namespace.name) + "topics"
        count, newest = self.store.client.pipe(
            [("ZCARD", key), ("ZRANGE", key, -1, -1, "WITHSCORES")]
        )
        return State(
            namespace=namespace,
            watermark=self.reader.watermark(namespace.name),
            newest_ms=int(float(newest[1])) if newest else None,
            topics=count,
        )

    def close(self) -> None:
        """Let go of the threads; a read that waits for the store holds nobody up."""
        self._pool.shutdown(wait=False, cancel_futures=True)
