"""Which rules hold in which namespace: live, those of the topics file; in a replay, those that it
brought along and left in the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

from services.alerts.follow import Rules
from services.phrases import own_words
from services.store.alerts import Alerts
from services.topics import Topics
from services.topics.rules import Rule

LOOK_S: Final = 10.0
"""Between two looks at the rules of a replay: it may have been repeated with others."""


class Book(msgspec.Struct, frozen=True):
    """Of one namespace: rules by topic, and the words that each topic's query asks for anyway."""

    rules: dict[str, tuple[Rule, ...]]
    words: dict[str, frozenset[str]]


def book_of(topics: Topics) -> Book:
    """Topics without any rules are left out."""
    with_rules = [topic for topic in topics if topic.alerts]
    return Book(
        {topic.name: topic.alerts for topic in with_rules},
        {topic.name: own_words(topic.tree) for topic in with_rules},
    )


def dump(book: Book) -> bytes:
    """As JSON, for the store."""
    return msgspec.json.encode(book, order="deterministic")


_load = msgspec.json.Decoder(Book).decode


class Books:
    """The book of each namespace; the same object until it changes."""

    def __init__(
        self,
        alerts: Alerts,
        live: str,
        current: Callable[[], Topics] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`current`: the topics of the live namespace; None where that is not judged here."""
        self._alerts, self._live, self._current, self._clock = alerts, live, current, clock
        self._file: tuple[Topics, Book] | None = None
        self._replays: dict[str, tuple[float, bytes | None, Book | None]] = {}

    def rules(self, namespace: str) -> Rules | None:
        """Rules by topic; None where nothing is judged."""
        book = self.of(namespace)
        return None if book is None else book.rules

    def words(self, namespace: str, topic: str) -> frozenset[str]:
        """The words that the topic's query asks for."""
        book = self.of(namespace)
        return frozenset() if book is None else book.words.get(topic, frozenset())

    def of(self, namespace: str) -> Book | None:
        """The namespace's book; None where nothing is judged."""
        if namespace == self._live:
            return self._of_file()
        looked_s, held, book = self._replays.get(namespace, (-float("inf"), None, None))
        if self._clock() - looked_s >= LOOK_S:
            found = self._alerts.load_rules(namespace)
            if found != held:
                book = None if found is None else _load(found)
            self._replays[namespace] = self._clock(), found, book
        return book

    def _of_file(self) -> Book | None:
        if self._current is None:
            return None
        topics = self._current()
        if self._file is None or self._file[0] is not topics:
            self._file = topics, book_of(topics)
        return self._file[1]
