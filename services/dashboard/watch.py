"""Keeps views fresh while somebody looks, and tells live readers what changed.

One task per namespace and window, however many readers there are: it ticks its
view in a thread, and puts what changed into the queues of the live readers.
Where nobody has looked for a while it ends, and the view is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from services.dashboard import events
from services.dashboard.backend import PATIENCE_S, Backend, State
from services.dashboard.events import Subscription
from services.dashboard.problems import Refused
from services.dashboard.views import Snapshot, View
from services.errors import Unavailable, UsageError
from services.store.glance import WINDOWS

log = logging.getLogger(__name__)

PERIOD_S: Final = 1.0
SHARE: Final = 5
"""A tick is followed by a pause so many times as long as it kept the processor busy."""
IDLE_S: Final = 30.0
"""A view that nobody has looked at for so long is forgotten."""
MOST_READERS: Final = 2_000


class Watch:
    """One namespace, one window."""

    def __init__(self, backend: Backend, state: State, window: str, ended: Callable[[], None]):
        self._backend = backend
        self._view = View(backend, state, WINDOWS[window])
        self._ended = ended
        self._boot = uuid4().hex[:8]
        self._sequence = 0
        self._looked_s = time.monotonic()
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._trouble: Unavailable | UsageError | Refused | None = None
        self._snapshot: Snapshot | None = None
        self.readers: set[Subscription] = set()
        self._task = asyncio.create_task(self._run(), name=f"watch {state.name} {window}")

    async def snapshot(self) -> Snapshot:
        """As of the last tick. `Unavailable` while the store is away, `Refused` where the
        namespace is gone."""
        self._looked_s = time.monotonic()
        if not self._first.done():
            await self._wait_for_first()
        if self._trouble is not None:
            raise self._trouble
        assert self._snapshot is not None
        return self._snapshot

    async def _wait_for_first(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.shield(self._first)
        except TimeoutError:
            raise Unavailable("store", "the topics are still being read") from None

    def join(self, reader: Subscription, last_event_id: str) -> None:
        """From now on the reader hears of changes; first, whether it missed any."""
        self.readers.add(reader)
        if last_event_id != self._event_id:
            reason = "events were missed" if last_event_id else "connected"
            reader.offer(events.resync(self._event_id, self._view.name, reason))

    def leave(self, reader: Subscription) -> None:
        self.readers.discard(reader)
        self._looked_s = time.monotonic()

    def close(self) -> None:
        """End the task and every live connection."""
        self._task.cancel()
        for reader in list(self.readers):
            reader.close()

    @property
    def _event_id(self) -> str:
        return f"{self._boot}-{self._sequence}"

    async def _run(self) -> None:
        try:
            while self.readers or time.monotonic() - self._looked_s < IDLE_S:
                spent_s = await self._tick()
                await asyncio.sleep(max(PERIOD_S, SHARE * spent_s))
        finally:
            self._ended()
            if not self._first.done():
                self._first.set_exception(Refused(503, "the dashboard is being closed"))
                self._first.exception()  # whoever waits hears of it; nobody has to

    async def _tick(self) -> float:
        """Look again, and tell; processor seconds that it took."""
        away, spent_s = self._trouble is not None, 0.0
        work = self._view.tick if self._snapshot is not None and not away else self._view.load
        try:
            snapshot, spent_s = await self._backend.do(_timed, work)
        except (Unavailable, UsageError, Refused) as error:
            self._be_away(error)
        except Exception:
            log.exception("the figures of %s can't be read", self._view.name)
            self._be_away(Refused(500, "this is our fault; the log has more"))
        else:
            old, self._snapshot, self._trouble = self._snapshot, snapshot, None
            if away:
                self._tell_all(events.resync(self._next_id(), self._view.name, "the store is back"))
            elif old is not None and snapshot is not old:
                self._tell(snapshot)
        if not self._first.done():
            self._first.set_result(None)
        return spent_s

    def _be_away(self, trouble: Unavailable | UsageError | Refused) -> None:
        if self._trouble is None:
            self._tell_all(events.trouble(self._next_id(), self._view.name, str(trouble)))
        self._trouble = trouble

    def _next_id(self) -> str:
        self._sequence += 1
        return self._event_id

    def _tell(self, snapshot: Snapshot) -> None:
        """What changed, each reader of the same topics the same bytes."""
        if not self.readers or not (snapshot.changed or snapshot.alerts):
            return
        event_id = self._next_id()
        made: dict[frozenset[str] | None, bytes] = {}
        for reader in list(self.readers):
            if reader.topics not in made:
                made[reader.topics] = events.changes(event_id, snapshot, reader.topics)
            if made[reader.topics]:
                reader.offer(made[reader.topics])

    def _tell_all(self, event: bytes) -> None:
        for reader in list(self.readers):
            reader.offer(event)


def _timed(work: Callable[[], Snapshot]) -> tuple[Snapshot, float]:
    begun = time.thread_time()
    return work(), time.thread_time() - begun


class Watches:
    """Every namespace and window that somebody looks at."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._held: dict[tuple[str, str], Watch] = {}
        self._closed = False

    async def get(self, namespace: str | None, window: str) -> Watch:
        """The watch of that namespace (None: see `Backend.state`), begun where there is none."""
        if namespace is not None and (held := self._held.get((namespace, window))):
            return held
        state = await self._backend.ask(self._backend.state, namespace)
        key = (state.name, window)
        if key not in self._held:
            self._held[key] = Watch(self._backend, state, window, lambda: self._forget(key))
        return self._held[key]

    def _forget(self, key: tuple[str, str]) -> None:
        self._held.pop(key, None)

    async def snapshot(self, namespace: str | None, window: str) -> Snapshot:
        """What the overview shows."""
        watch = await self.get(namespace, window)
        return await watch.snapshot()

    @property
    def readers(self) -> int:
        """Live connections."""
        return sum(len(watch.readers) for watch in self._held.values())

    def admit(self) -> None:
        """`Refused` (503) where there are too many live connections, or we are closing."""
        if self._closed or self.readers >= MOST_READERS:
            raise Refused(503, f"{self.readers:,} live connections are open; try again later")

    def close(self) -> None:
        """End every task and live connection. Call on the server's loop."""
        self._closed = True
        for watch in list(self._held.values()):
            watch.close()
