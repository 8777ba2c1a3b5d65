"""Helpers of tests of the alert hop: panes in the store, a detector that can be foreseen."""

from __future__ import annotations

import random
import struct
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from services.alerts.detector_types import MINUTE_MS, Finding, Minute
from services.alerts.notify.port import Message
from services.store import schema
from services.store.reader import REPLAY
from services.store.store import Store

START_MS = 1_700_000_000_000 // 3_600_000 * 3_600_000
LENGTH = 5
"""Minutes of the plain detector's window."""


class Plain:
    """Implements `services.alerts.follow.Bank`: the negative share of five minutes against that of
    all before, one in ten at first. Every minute moves the state, so that one that is skipped or
    stepped twice shows in what follows."""

    def __init__(self) -> None:
        self._topics: dict[str, list[float]] = {}
        self._held: dict[str, bool] = {}
        self._end_ms = 0

    def add(self, topic: str, state: bytes | None = None) -> None:
        count = 2 * LENGTH + 2
        self._topics[topic] = list(struct.unpack(f"{count}d", state)) if state else [0.1]
        if not state:
            self._topics[topic] += [0.0] * (2 * LENGTH)
        self._held[topic] = bool(self._topics[topic].pop()) if state else False

    def step(self, end_ms: int, panes: Mapping[str, Minute], missing: Container[str] = ()) -> None:
        assert end_ms > self._end_ms
        self._end_ms = end_ms
        for topic, known in self._topics.items():
            minute = panes.get(topic, Minute(0, 0, 0, 0))
            posts = minute.negative + minute.neutral + minute.positive
            if not self._held[topic] and posts:
                known[0] += (minute.negative / posts - known[0]) * 0.01
            self._topics[topic] = [known[0], *known[3:], float(minute.negative), float(posts)]

    def finding(self, topic: str, kind: str) -> Finding | None:
        known = self._topics.get(topic)
        if known is None or kind != "negative_share":
            return None
        negative, posts = sum(known[1::2]), sum(known[2::2])
        if not posts:
            return None
        share, usual = negative / posts, known[0]
        rarity = 10.0 ** (2 - 10 * max(0.0, share - usual))
        since = self._end_ms - LENGTH * MINUTE_MS
        return Finding(
            surprise=1e-3,
            per_week=rarity,
            agreed=True,
            observed=share,
            expected=usual,
            low=usual / 2,
            high=usual * 2,
            posts=int(posts),
            negative=int(negative),
            since_ms=since,
        )

    def candidates(self, kind: str, per_week: float) -> list[str]:
        found = ((topic, self.finding(topic, kind)) for topic in self._topics)
        return [topic for topic, finding in found if finding and finding.per_week <= per_week]

    def hold(self, topic: str, held: bool) -> None:
        self._held[topic] = held

    def dump(self, topic: str) -> bytes:
        known = [*self._topics[topic], float(self._held[topic])]
        return struct.pack(f"{len(known)}d", *known)


def moods(minutes: int, seed: int = 1) -> list[Minute]:
    """A topic of about ten posts a minute whose mood turns every 40 minutes, worse and
    worse for a quarter of an hour."""
    rng = random.Random(seed)
    made = []
    for number in range(minutes):
        since = (number + seed * 7) % 40 - 15
        bad = 0.45 + 0.03 * since if 0 <= since < 12 + seed * 2 else 0.08
        posts = rng.randrange(6, 14)
        negative = sum(rng.random() < bad for _ in range(posts))
        made.append(Minute(negative, 0, posts - negative, 0))
    return made


def put(store: Store, namespace: str, topic: str, start_ms: int, minutes: Sequence[Minute]) -> None:
    """Write panes as the aggregator does, as far as the alert hop reads them."""
    prefix = schema.topic_prefix(namespace, topic)
    commands: list[tuple[object, ...]] = []
    for number, minute in enumerate(minutes):
        if not any(minute):
            continue
        at = start_ms + number * MINUTE_MS
        for width in (schema.MINUTES, schema.HOURS):
            pane = at // width.width_ms
            key = f"{prefix}{width.name}:{pane // 60}"
            commands.append(("HSET", key, pane % 60, " ".join(map(str, (*minute, 0, 0, 0, 0)))))
        commands.append(("HSETNX", prefix + "totals", "first_post", at))
        key = schema.namespace_prefix(namespace) + "topics"
        commands.append(("ZADD", key, "GT", at, topic))
    store.client.pipe(commands)


def close(store: Store, namespace: str, until_ms: int, *, ended: bool = False) -> None:
    """The watermark: all before is there. In a replay that has `ended`, the newest post."""
    store.add_namespace(namespace, REPLAY, START_MS)
    store.expect_partitions(namespace, 1)
    fields = {"0": until_ms - MINUTE_MS if ended else until_ms}
    store.publish_watermarks(namespace, {**fields, "ended:0": 1} if ended else fields)


class Written:
    """A receiver that appends each event's key to a file, so that it outlives the process."""

    resend_every_s = None

    def __init__(self, name: str, path: Path, *, repeats_are_dropped: bool) -> None:
        self.name, self.repeats_are_dropped, self._path = name, repeats_are_dropped, path

    def send(self, message: Message) -> None:
        with self._path.open("a") as out:
            out.write(f"{message.key} {message.event.kind}\n")

    def close(self) -> None:
        """Nothing is held."""
