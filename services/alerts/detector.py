"""The detector: one step a minute, for all topics of a namespace at once (numpy over topics).

Pure: no clock, no store, no chance. The same minutes give the same findings.
How it works is told where it happens: what is expected in `detector_baseline`,
what counts and how it varies in `detector_kinds`, when it is evidence and how
rare that is in `detector_evidence`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from services.alerts.detector_config import DEFAULT, Config
from services.alerts.detector_finding import describe
from services.alerts.detector_kinds import Seen, Step, Watch
from services.alerts.detector_state import Array, Flags, Table
from services.alerts.detector_types import KINDS, MINUTE_MS, Finding, Kind, Minute
from services.records import SCORE_UNIT

__all__ = ["KINDS", "Bank", "Config", "Finding", "Kind", "Minute"]

NOTHING = Minute(0, 0, 0, 0)


class Bank:
    """The state of every topic of one namespace, and what it says."""

    def __init__(self, config: Config = DEFAULT) -> None:
        self._watches: dict[str, Watch] = {
            kind: Watch(kind, getattr(config, kind)) for kind in KINDS
        }
        layout = {"held": 1}
        for watch in self._watches.values():
            layout |= watch.layout()
        self._table = Table(layout)
        self._topics: dict[str, int] = {}
        self._end_ms: int | None = None

    @property
    def bytes_a_topic(self) -> int:
        """Memory that a topic takes."""
        return self._table.bytes_a_topic

    def add(self, topic: str, state: bytes | None = None) -> None:
        """Follow TOPIC from now on: cold, or from what `dump` gave.

        `ValueError` for one that is followed already, or a state of another
        version of the detector (start cold then, and say so).
        """
        if topic in self._topics:
            raise ValueError(f"{topic!r} is followed already")
        column = self._table.append()
        if state is not None and not self._table.put(column, state):
            self._table.drop(column)
            raise ValueError(f"the state of {topic!r} is of another version of the detector")
        self._topics[topic] = column

    def remove(self, topic: str) -> None:
        """Forget TOPIC. `KeyError` for one that is not followed."""
        column = self._topics.pop(topic)
        self._table.drop(column)
        for name, place in self._topics.items():
            self._topics[name] = place - (place > column)

    def step(self, end_ms: int, panes: Mapping[str, Minute], missing: Container[str] = ()) -> None:
        """The minute [end_ms - 60 s, end_ms) has closed.

        Topics absent from `panes` had no posts. Those in `missing` had a source
        gap: they are neither judged nor taught. Minutes may be skipped (nobody
        looked): that counts as missing for all. `ValueError` where `end_ms` is
        not a whole minute after the last one.
        """
        posts = np.array([panes.get(topic, NOTHING) for topic in self._topics], dtype=np.float64)
        heard = np.array([topic not in missing for topic in self._topics], dtype=np.bool_)
        self.step_arrays(end_ms, posts.reshape(-1, 4), heard)

    def step_arrays(self, end_ms: int, posts: Array, heard: Flags) -> None:
        """`step` with arrays `(topics, 4)` (as `Minute`) and `(topics,)`, in order of adding."""
        if end_ms % MINUTE_MS or (self._end_ms is not None and end_ms <= self._end_ms):
            raise ValueError(f"{end_ms} is no whole minute after {self._end_ms}")
        self._end_ms = end_ms
        negative, count = posts[:, 0], posts[:, :3].sum(axis=1)
        gloom = (count - posts[:, 3] / SCORE_UNIT) / 2
        step = Step(end_ms - MINUTE_MS, 1.0, heard, self._table["held"][0] > 0)
        of_posts = Seen(negative, count, count, negative)
        self._watches["negative_share"].step(self._table, step, of_posts)
        of_time = of_posts._replace(exposure=np.ones_like(count))
        self._watches["negative_volume"].step(self._table, step, of_time)
        self._watches["sentiment_drop"].step(self._table, step, of_posts._replace(counted=gloom))

    def finding(self, topic: str, kind: str) -> Finding | None:
        """What KIND says of TOPIC now; None while too little is known, or nothing is unusual."""
        watch, column = self._watches[kind], self._topics[topic]
        if watch.cold(self._table)[column]:
            return None
        return describe(kind, watch, self._table, column)

    def rarity(self, kind: str) -> tuple[Array, Flags]:
        """Of all topics, in the order of adding: how often a week, and whether it is agreed.

        Infinite where too little is known.
        """
        watch = self._watches[kind]
        rare = watch.evidence.per_week(self._table)
        loudest = np.argmin(rare, axis=0)[None, :]
        agreed = np.take_along_axis(watch.evidence.agree(self._table), loudest, axis=0)[0]
        rarest = np.take_along_axis(rare, loudest, axis=0)[0]
        return np.where(watch.cold(self._table), np.inf, rarest), agreed

    def candidates(self, kind: str, per_week: float) -> list[str]:
        """Topics whose finding is at or under PER_WEEK and agreed, in the order of adding."""
        rare, agreed = self.rarity(kind)
        chosen = agreed & (rare <= per_week)
        if not chosen.any():
            return []
        return [topic for topic, column in self._topics.items() if chosen[column]]

    def hold(self, topic: str, held: bool) -> None:
        """An alert is open (`held`): teach the baseline slowly until it is resolved."""
        self._table["held"][0, self._topics[topic]] = float(held)

    def dump(self, topic: str) -> bytes:
        """All that is known of TOPIC: `add` with it goes on as if nothing had happened."""
        return self._table.take(self._topics[topic])
