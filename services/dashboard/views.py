"""One rolling window of every topic of a namespace, kept fresh while somebody looks.

Each tick looks at the topics that had posts since the last one, then at some of
the others in turn, so that ten thousand topics cost no more a second than what
moves. What readers get is a `Snapshot`, which never changes once it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from services.dashboard.backend import Backend, State
from services.dashboard.badges import Badge, badges_of
from services.dashboard.rows import Row, folded, make_row
from services.store import schema
from services.store.alerts import Alert, Alerts
from services.store.glance import Glance, Window, glances, looks_back_ms, nothing, rolled

T = TypeVar("T")

REMEMBERED: Final = 500
CHUNK: Final = 16
"""Topics in a round trip: some milliseconds in which others wait, here and for the store."""
AT_MOST: Final = 1_000
"""Topics that one tick looks at."""
IN_TURN: Final = 100
"""Topics that a tick looks at although they seem quiet: all of them within a second up to so
many, within `TURN_TICKS` beyond."""
TURN_TICKS: Final = 60
FOLLOWED: Final = 3
"""Ticks for which a topic that had posts is looked at: its window is written after its post."""
BEHIND_MS: Final = 60_000
"""A post may come so much after newer ones, in event time, and is still noticed at once."""
STALE_MS: Final = 30_000
"""A live window that was written longer ago than this is summed anew: nobody is at it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every topic at one moment."""

    version: int
    state: State
    window: str
    rows: Mapping[str, Row]
    """By topic, in the order of their names."""
    badges: Mapping[str, Badge]
    """By topic, the gravest alert that is open."""
    changed: Sequence[Row]
    """Against the snapshot before, in figures or alerts: not where only time went by."""
    alerts: Sequence[Alert]
    """Those that opened, worsened or were resolved since the snapshot before."""
    posts: int
    end_ms: int | None
    memory: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    """What readers made of this snapshot, by their own keys; see `remember`."""

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """`make()`, or what it made when last asked. A few hundred answers are kept."""
        if key not in self.memory:
            if len(self.memory) >= REMEMBERED:
                self.memory.clear()
            self.memory[key] = make()
        made: T = self.memory[key]
        return made


@dataclass(slots=True)
class _Topic:
    newest_ms: int
    follow: int = FOLLOWED
    row: Row | None = None
    settled: bool = False
    """The namespace had ended when it was last looked at: nothing moves any more."""


class View:
    """The topics of one namespace in one window. Used by one thread at a time."""

    def __init__(self, backend: Backend, state: State, window: Window) -> None:
        self._backend, self._window = backend, window
        self._state = state
        self._topics: dict[str, _Topic] = {}
        self._newest_ms = 0
        self._names: dict[str, None] = {}
        """Of the topics, in order."""
        self._turn: list[str] = []
        self._ticks = 0
        self._stirred = False
        """A row is not what it was, if only in its times."""
        self._open: dict[str, Alert] = {}
        self._snapshot: Snapshot | None = None

    @property
    def name(self) -> str:
        """Of the namespace."""
        return self._state.name

    def load(self) -> Snapshot:
        """Look at every topic. Of very many, take what is stored at first, however old."""
        self._notice(everything=True)
        many = len(self._topics) > AT_MOST
        return self._publish(self._look(list(self._topics), take_stale=many))

    def tick(self) -> Snapshot:
        """Look at what moved, and at some of the rest."""
        self._ticks += 1
        self._state = self._backend.state(self._state.name)
        self._notice(everything=self._ticks % TURN_TICKS == 0)
        moved = [name for name, topic in self._topics.items() if topic.follow][:AT_MOST]
        rest = self._next_in_turn(AT_MOST - len(moved))
        return self._publish(self._look(list(dict.fromkeys([*moved, *rest]))))

    # -- which topics -----------------------------------------------------------

    def _notice(self, *, everything: bool) -> None:
        """Learn of topics with new posts."""
        key = schema.namespace_prefix(self._state.name) + "topics"
        lowest = "-inf" if everything else self._newest_ms - BEHIND_MS
        flat = self._backend.store.client.call("ZRANGEBYSCORE", key, lowest, "+inf", "WITHSCORES")
        for raw, score in zip(flat[::2], flat[1::2], strict=True):
            name, newest = raw.decode(), int(float(score))
            topic = self._topics.get(name)
            if topic is None:
                self._topics[name] = _Topic(newest)
            elif topic.newest_ms != newest:
                topic.newest_ms, topic.follow = newest, FOLLOWED
            self._newest_ms = max(self._newest_ms, newest)
        if everything:
            self._forget(self._topics.keys() - {raw.decode() for raw in flat[::2]})

    def _forget(self, names: Set[str]) -> None:
        """Topics that are no more: the namespace was made anew."""
        for name in names:
            del self._topics[name]
            self._stirred = True

    def _next_in_turn(self, room: int) -> list[str]:
        """Topics that have something to lose as time goes on, each once in a turn."""
        count = min(room, max(IN_TURN, len(self._topics) // TURN_TICKS))
        found: list[str] = []
        while len(found) < count:
            if not self._turn:
                if found:
                    break
                self._turn = [n for n, topic in self._topics.items() if self._may_move(topic)]
                if not self._turn:
                    break
            name = self._turn.pop()
            if name in self._topics:
                found.append(name)
        return found

    def _may_move(self, topic: _Topic) -> bool:
        if topic.follow or topic.row is None:
            return not topic.follow
        return not (topic.settled or (topic.row.is_empty and self._state.is_live))

    # -- looking ----------------------------------------------------------------

    def _look(self, names: Sequence[str], *, take_stale: bool = False) -> list[Row]:
        """Read these topics; the rows whose figures changed."""
        changed: list[Row] = []
        for first in range(0, len(names), CHUNK):
            chunk = names[first : first + CHUNK]
            for name, glance in zip(chunk, self._read(chunk, take_stale), strict=True):
                topic = self._topics[name]
                topic.follow = max(0, topic.follow - 1)
                topic.settled = self._state.watermark.ended and not topic.follow
                row = make_row(name, topic.newest_ms, glance)
                if topic.row is None or row.figures != topic.row.figures:
                    changed.append(row)
                self._stirred = self._stirred or topic.row is None or row.json != topic.row.json
                topic.row = row
        return changed

    def _read(self, names: Sequence[str], take_stale: bool) -> list[Glance]:
        """As stored, or summed anew where what is stored is old: as `undertone rolling` has it, a
        live window ends now, a replay's at the topic's newest post."""
        store, name, live = self._backend.store, self._state.name, self._state.is_live
        now_end = schema.window_end(self._backend.clock_ms())
        oldest = now_end - STALE_MS if live and not take_stale else 0
        found = dict(zip(names, glances(store, name, names, self._window, oldest), strict=True))
        ends: dict[str, int] = {}
        for topic in [t for t, glance in found.items() if glance is None]:
            newest_ms = self._topics[topic].newest_ms
            if live and newest_ms < now_end - looks_back_ms(self._window):
                found[topic] = nothing(self._window, now_end)
            else:
                ends[topic] = now_end if live else schema.window_end(newest_ms)
        found |= rolled(store, name, ends, self._window)
        return [glance for glance in found.values() if glance is not None]

    def _publish(self, changed: list[Row]) -> Snapshot:
        """A new snapshot; the one before where nothing is different."""
        alerts = self._changed_alerts()
        badges = badges_of(self._open.values())
        old = self._snapshot
        if old is not None:
            known = {row.topic for row in changed}
            turned = {n for n in {*badges, *old.badges} if badges.get(n) != old.badges.get(n)}
            rows = [self._topics[n].row for n in turned - known if n in self._topics]
            changed = [*changed, *(row for row in rows if row is not None)]
            if not (changed or alerts or self._stirred) and old.state == self._state:
                return old
        self._stirred = False
        if len(self._names) != len(self._topics) or self._names.keys() != self._topics.keys():
            self._names = dict.fromkeys(sorted(self._topics, key=folded))
        rows_now = {n: row for n in self._names if (row := self._topics[n].row) is not None}
        self._snapshot = Snapshot(
            version=old.version + 1 if old else 1,
            state=self._state,
            window=self._window.name,
            rows=rows_now,
            badges=badges,
            changed=changed,
            alerts=alerts,
            posts=sum(row.count for row in rows_now.values()),
            end_ms=max((row.end_ms for row in rows_now.values()), default=None),
        )
        return self._snapshot

    def _changed_alerts(self) -> list[Alert]:
        """Alerts that are another than at the last tick; the resolved ones as they ended."""
        alerts, name = Alerts(self._backend.store), self._state.name
        now = {alert.id: alert for alert in alerts.open(name)}
        ended = [alerts.get(name, i) for i in self._open.keys() - now.keys()]
        changed = [
            alert
            for i, alert in now.items()
            if i not in self._open or alert.sequence != self._open[i].sequence
        ]
        self._open = now
        return [*changed, *(alert for alert in ended if alert is not None)]
