"""What reports, commands and dashboards read: topics, totals, series, windows, top posts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.records import SCORE_UNIT
from services.store import posts, schema
from services.store.schema import PANE_FIELDS, RESOLUTIONS, Resolution
from services.store.store import Store, roll_call

WINDOWS = ("1m", "5m", "15m", "1h", "24h")
LIVE, REPLAY = "live", "replay"


@dataclass(frozen=True, slots=True)
class Sums:
    """Exact sums over posts; `sum` and `squares` are of scores in 1/SCORE_UNIT."""

    negative: int = 0
    neutral: int = 0
    positive: int = 0
    sum: int = 0
    squares: int = 0
    late: int = 0
    reposts: int = 0
    images: int = 0

    @property
    def count(self) -> int:
        return self.negative + self.neutral + self.positive

    @property
    def mean_score(self) -> float | None:
        """In [-1, 1]; None without posts."""
        return self.sum / self.count / SCORE_UNIT if self.count else None

    @property
    def standard_error(self) -> float | None:
        """Of the mean score, by the sample variance; None below two posts."""
        if self.count < 2:
            return None
        spread = (self.squares - self.sum * self.sum / self.count) / (self.count - 1)
        return float((max(0.0, spread) / self.count) ** 0.5 / SCORE_UNIT)

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, f) + getattr(other, f) for f in PANE_FIELDS))


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything counted of one topic since its namespace began."""

    sums: Sums = Sums()
    duplicates: int = 0
    too_late: int = 0
    deleted: int = 0
    unseen_language: int = 0
    first_post_ms: int | None = None
    last_post_ms: int | None = None
    authors: int = 0
    """Distinct authors, to about 1 % (HyperLogLog)."""


@dataclass(frozen=True, slots=True)
class Pane:
    """One pane: [start_ms, start_ms + width)."""

    start_ms: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace as it was registered."""

    name: str
    kind: str
    created_ms: int
    options: str = ""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Up to where a namespace is complete. `ended`: nothing more comes, every pane is closed."""

    ms: int | None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Rolling:
    """The rolling windows of one topic, as a dashboard reads them, by window name."""

    end_ms: int
    windows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    top: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


class Reader:
    """Reads through a `Store`'s client. `Unavailable` where the store is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client = store.client

    def namespaces(self) -> list[Namespace]:
        """Every namespace, by name."""
        held = self._client.call("HGETALL", schema.NAMESPACES)
        return [Namespace(name.decode(), **json.loads(held[name])) for name in sorted(held)]

    def topics(self, namespace: str) -> list[str]:
        """Topics that have had a post, by name."""
        key = schema.namespace_prefix(namespace) + "topics"
        return sorted(name.decode() for name in self._client.call("ZRANGE", key, 0, -1))

    def totals(self, namespace: str, topic: str) -> Totals:
        """A topic's totals; zeros for one that is not known."""
        prefix = schema.topic_prefix(namespace, topic)
        held, authors = self._client.pipe(
            [("HGETALL", prefix + "totals"), ("PFCOUNT", prefix + "authors")]
        )
        numbers = {name.decode(): int(value) for name, value in held.items()}
        return Totals(
            sums=Sums(*(numbers.get(name, 0) for name in PANE_FIELDS)),
            duplicates=numbers.get("duplicates", 0),
            too_late=numbers.get("too_late", 0),
            deleted=numbers.get("deleted", 0),
            unseen_language=numbers.get("unseen_language", 0),
            first_post_ms=numbers.get("first_post"),
            last_post_ms=numbers.get("last_post"),
            authors=authors,
        )

    def series(
        self, namespace: str, topic: str, resolution: str, start_ms: int, stop_ms: int
    ) -> list[Pane]:
        """Panes that are not empty and start in [start_ms, stop_ms), in order."""
        width = resolution_named(resolution)
        prefix = f"{schema.topic_prefix(namespace, topic)}{width.name}:"
        slices = range(start_ms // width.slice_ms, -(-stop_ms // width.slice_ms))
        answers = self._client.pipe([("HGETALL", f"{prefix}{number}") for number in slices])
        panes = [
            Pane(number * width.slice_ms + int(place) * width.width_ms, parse_pane(value))
            for number, held in zip(slices, answers, strict=True)
            for place, value in held.items()
        ]
        inside = (pane for pane in panes if start_ms <= pane.start_ms < stop_ms)
        return sorted(inside, key=lambda pane: pane.start_ms)

    def rolling(self, namespace: str, topic: str, now_ms: int | None = None) -> Rolling | None:
        """The windows as last written; with `now_ms`, summed anew up to then. None if unknown."""
        key = schema.topic_prefix(namespace, topic) + "rolling"
        if now_ms is None:
            held = self._client.call("HGETALL", key)
        else:
            end = schema.window_end(now_ms)
            (flat,) = self._store.scripts.run(
                "roll", [roll_call(namespace, topic, end, True, write=False)]
            )
            held = dict(zip(flat[::2], flat[1::2], strict=True))
        return parse_rolling(held) if held else None

    def top_posts(
        self, namespace: str, topic: str, start_ms: int, stop_ms: int, most: int = 10
    ) -> list[dict[str, Any]]:
        """Posts in [start_ms, stop_ms) of the strongest sentiment, strongest first."""
        prefix = schema.topic_prefix(namespace, topic) + "top:1h:"
        hours = range(start_ms // schema.HOUR_MS, -(-stop_ms // schema.HOUR_MS))
        answers = self._client.pipe([("HGETALL", f"{prefix}{hour}") for hour in hours])
        found = sorted((item for held in answers for item in held.items()), reverse=True)
        kept = (json.loads(document) for _, document in found)
        return [p for p in kept if start_ms <= p["created_at_ms"] < stop_ms][:most]

    def sample(
        self, namespace: str, topic: str, start_ms: int, stop_ms: int
    ) -> list[posts.KeptPost]:
        """Posts in [start_ms, stop_ms) drawn evenly, in order of time (`posts.sample`)."""
        prefix = schema.topic_prefix(namespace, topic)
        return posts.sample(self._client, prefix, start_ms, stop_ms)

    def authors(self, namespace: str, topic: str, start_ms: int, stop_ms: int) -> int:
        """Distinct authors in [start_ms, stop_ms), by whole minutes (`posts.authors`)."""
        prefix = schema.topic_prefix(namespace, topic)
        return posts.authors(self._client, prefix, start_ms, stop_ms)

    def post(
        self, namespace: str, topic: str, post_id: str, created_at_ms: int
    ) -> posts.KeptPost | None:
        """A post that the topic keeps; None where it doesn't (any more)."""
        prefix = schema.topic_prefix(namespace, topic)
        return posts.post(self._client, prefix, post_id, created_at_ms)

    def watermark(self, namespace: str) -> Watermark:
        """The least over the scores partitions; unknown until each has heard of every source."""
        fields = self._store.watermark_fields(namespace)
        reached = {name: ms for name, ms in fields.items() if name.isdecimal()}
        first = fields.get("partitions", 1)  # later ones count once they have spoken
        if sum(int(name) < first for name in reached) < first:
            return Watermark(None)
        ended = all(f"ended:{name}" in fields for name in reached)
        return Watermark(min(reached.values()), ended)

    def deleted(self, namespace: str) -> int:
        """Posts of which a platform told that they are gone."""
        key = schema.namespace_prefix(namespace) + "counts"
        return int(self._client.call("HGET", key, "deleted") or 0)


def resolution_named(name: str) -> Resolution:
    """The resolution of that name; `KeyError` otherwise."""
    return {resolution.name: resolution for resolution in RESOLUTIONS}[name]


def parse_pane(value: bytes) -> Sums:
    """A pane's value, as `PANE_FIELDS` orders it."""
    return Sums(*map(int, value.split()))


def parse_rolling(held: Mapping[bytes, bytes]) -> Rolling:
    """A `rolling` hash."""
    return Rolling(
        end_ms=int(held[b"end"]),
        windows={name: json.loads(held[name.encode()]) for name in WINDOWS},
        top={name: json.loads(held[f"top:{name}".encode()]) for name in WINDOWS},
    )
