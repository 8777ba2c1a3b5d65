"""Keys that this worker has written to: which need an expiry, and which are past their use.

Every key carries a time-to-live as a backstop, in wall time and generous. What
really bounds memory is dropped here, by the watermark: ids that no post can
repeat any more, and 10 s panes past their retention. What an earlier process
touched and we don't is left to its time-to-live.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.store import schema
from services.store.store import NO_PANE, TOO_LATE, Entry


@dataclass(frozen=True, slots=True)
class Family:
    """Keys of a topic that differ in a number alone: `<name><number>`, `width_ms` of event time."""

    name: str
    width_ms: int
    ttl_ms: int
    drop_after_ms: int | None = None
    """Dropped once the watermark is so far past the end; None: left to the time-to-live."""
    skip_flag: int = 0
    """Entries with this flag don't touch it."""
    needs_author: bool = False


def families(id_memory_ms: int) -> tuple[Family, ...]:
    """Every family of keys whose expiry is set from here."""
    ten, minute, hour = schema.RESOLUTIONS
    slack, memory = schema.SLACK_MS, id_memory_ms + schema.STREAM_RETENTION_MS
    short, long = 2 * schema.HOUR_MS, schema.WORDS_MS
    return (
        Family("ids:", schema.HOUR_MS, memory, id_memory_ms),
        Family("10s:", ten.slice_ms, ten.keep_ms + slack, ten.keep_ms, NO_PANE["10s"]),
        Family("1m:", minute.slice_ms, minute.keep_ms + slack, None, NO_PANE["1m"]),
        Family("1h:", hour.slice_ms, hour.keep_ms + slack, None, NO_PANE["1h"]),
        Family("authors:10s:", ten.width_ms, short, 16 * schema.MINUTE_MS, needs_author=True),
        Family("authors:1m:", schema.MINUTE_MS, short, 65 * schema.MINUTE_MS, needs_author=True),
        Family("authors:1h:", schema.HOUR_MS, long, 26 * schema.HOUR_MS, needs_author=True),
        Family(schema.TOP_MINUTE.name, schema.MINUTE_MS, short, 16 * schema.MINUTE_MS),
        Family(schema.TOP_HOUR.name, schema.HOUR_MS, long),
        Family(schema.SAMPLE_MINUTE.name, schema.MINUTE_MS, short, schema.SAMPLE_MINUTES_MS),
        Family(schema.SAMPLE_HOUR.name, schema.HOUR_MS, long),
    )


class Touched:
    """Which topics' keys were touched, by namespace, family and number."""

    def __init__(self, id_memory_ms: int) -> None:
        self._families = families(id_memory_ms)
        self._topics: dict[tuple[str, int], dict[int, set[str]]] = defaultdict(dict)

    def expiries(
        self, namespace: str, topic: str, entries: Iterable[Entry]
    ) -> list[tuple[str, int]]:
        """(key suffix, ttl_ms) of what these entries touch for the first time."""
        fresh: dict[str, int] = {}
        for index, number in self._keys(entries):
            if topic not in self._topics[namespace, index].get(number, ()):
                family = self._families[index]
                fresh[f"{family.name}{number}"] = family.ttl_ms
        return list(fresh.items())

    def note(self, namespace: str, topic: str, entries: Iterable[Entry]) -> None:
        """These entries were applied, their expiries set."""
        for index, number in self._keys(entries):
            self._topics[namespace, index].setdefault(number, set()).add(topic)

    def _keys(self, entries: Iterable[Entry]) -> Iterator[tuple[int, int]]:
        """(family, number) of the keys that the script may write for these entries."""
        taken = [(e[2], e[5], e[6]) for e in entries if not e[5] & TOO_LATE]
        for index, family in enumerate(self._families):
            width, skip, anybody = family.width_ms, family.skip_flag, not family.needs_author
            for number in {
                created // width
                for created, flags, author in taken
                if not flags & skip and (author or anybody)
            }:
                yield index, number

    def namespaces(self) -> set[str]:
        """Namespaces with keys that were touched."""
        return {namespace for (namespace, _), numbers in self._topics.items() if numbers}

    def drop(self, namespace: str, watermark_ms: int) -> Iterator[str]:
        """Keys to delete, now that the watermark stands there; they are forgotten here."""
        for index, family in enumerate(self._families):
            numbers = self._topics[namespace, index]
            keep = family.ttl_ms if family.drop_after_ms is None else family.drop_after_ms
            for number in [n for n in numbers if (n + 1) * family.width_ms <= watermark_ms - keep]:
                topics = numbers.pop(number)
                if family.drop_after_ms is not None:
                    for topic in topics:
                        yield f"{schema.topic_prefix(namespace, topic)}{family.name}{number}"

    def forget(self) -> None:
        """The server is another one: expiries must be set anew."""
        self._topics.clear()
