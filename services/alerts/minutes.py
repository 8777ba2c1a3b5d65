"""Closed minutes of one namespace, as the store has them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from services.alerts.detector_types import MINUTE_MS, Minute
from services.store import schema
from services.store.schema import HOURS, MINUTES
from services.store.store import Store

IDLE_MS: Final = schema.DAY_MS
"""Minutes in which no topic has had a post for so long are not judged: a topic that was silent
for a day tells nothing new, and an archive may hold years of silence."""

Panes = dict[str, Minute]


class Minutes:
    """Reads panes of a minute of the topics that have rules."""

    def __init__(self, store: Store, namespace: str, topics: Collection[str]) -> None:
        self._client, self._namespace = store.client, namespace
        self._ours = frozenset(topics)

    def first_ms(self) -> int | None:
        """The start of the minute of the first post of all."""
        topics = self._active("-inf")
        keys = [schema.topic_prefix(self._namespace, topic) + "totals" for topic in topics]
        held = self._client.pipe([("HGET", key, "first_post") for key in keys])
        first = min((int(ms) for ms in held if ms is not None), default=None)
        return None if first is None else first // MINUTE_MS * MINUTE_MS

    def walk(self, start_ms: int, stop_ms: int, heard_ms: int) -> Iterator[tuple[int, Panes]]:
        """Minutes in [start_ms, stop_ms) in order: their end, and who had posts.

        `heard_ms` is the end of the last minute before that had any.
        """
        at = start_ms
        while at < stop_ms:
            if at - heard_ms > IDLE_MS and stop_ms - at > schema.HOUR_MS:
                at = self._next_posts(at, stop_ms)
            end = min(stop_ms, (at // schema.HOUR_MS + 1) * schema.HOUR_MS)
            found = self._read(at, end)
            for minute_end in range(at + MINUTE_MS, end + 1, MINUTE_MS):
                panes = found.get(minute_end, {})
                heard_ms = minute_end if panes else heard_ms
                if minute_end - heard_ms <= IDLE_MS:
                    yield minute_end, panes
            at = max(at, end)

    def _read(self, start_ms: int, stop_ms: int) -> dict[int, Panes]:
        """By the minute's end, the panes that have posts; all within one slice."""
        topics = self._active(start_ms) if start_ms < stop_ms else []
        numbers = range(start_ms // MINUTE_MS, stop_ms // MINUTE_MS)
        places = [number % schema.PANES_PER_SLICE for number in numbers]
        suffix = f"1m:{start_ms // MINUTES.slice_ms}"
        keys = [schema.topic_prefix(self._namespace, topic) + suffix for topic in topics]
        answers = self._client.pipe([("HMGET", key, *places) for key in keys])
        found: dict[int, Panes] = {}
        for topic, values in zip(topics, answers, strict=True):
            for number, value in zip(numbers, values, strict=True):
                if value is not None:
                    found.setdefault((number + 1) * MINUTE_MS, {})[topic] = _minute(value)
        return found

    def _next_posts(self, at: int, stop_ms: int) -> int:
        """The start of the next hour that has a post, or `stop_ms`."""
        topics = self._active(at)
        prefixes = [schema.topic_prefix(self._namespace, topic) + "1h:" for topic in topics]
        for number in range(at // HOURS.slice_ms, -(-stop_ms // HOURS.slice_ms)):
            answers = self._client.pipe([("HKEYS", f"{prefix}{number}") for prefix in prefixes])
            hours = {
                number * HOURS.slice_ms + int(place) * schema.HOUR_MS
                for places in answers
                for place in places
            }
            later = [hour for hour in hours if hour + schema.HOUR_MS > at]
            if later:
                return min(stop_ms, max(at, *[min(later)]))
        return stop_ms

    def _active(self, since_ms: int | str) -> Sequence[str]:
        """Topics with rules whose newest post is not older."""
        key = schema.namespace_prefix(self._namespace) + "topics"
        names = self._client.call("ZRANGEBYSCORE", key, since_ms, "+inf")
        return sorted(self._ours.intersection(name.decode() for name in names))


def _minute(value: bytes) -> Minute:
    negative, neutral, positive, total, _ = value.split(b" ", 4)
    return Minute(int(negative), int(neutral), int(positive), int(total))
