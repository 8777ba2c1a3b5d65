"""The port of all sources: archives, and whatever is live.

A source is pulled. It never blocks for long: a live one hands out what its own
thread has received, an archive works for a slice of time. After each `read`,
`cursor()` is the place behind everything that was handed out, so that a
restart from a saved cursor brings all of the rest and at worst repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from services.ingest.draft import Refused
from services.records import Deletion, Post

Brought: TypeAlias = Post | Deletion | Refused
"""What a source hands out: posts that matched, deletions, and what goes to the dead letters."""


@dataclass(slots=True)
class Counters:
    """What a source has read so far, across restarts."""

    posts_read: int = 0
    posts_matched: int = 0
    pairs_matched: int = 0
    """Posts times the topics that take them."""
    dead_lettered: int = 0
    deletions: int = 0
    images_ok: int = 0
    images_missing: int = 0
    images_failed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Of dead letters and of pictures that could not be had."""

    def reason(self, name: str) -> None:
        self.reasons[name] = self.reasons.get(name, 0) + 1

    def add_read(self, other: Counters) -> None:
        """Take over what `other` read and refused; what it made of posts is not its to say."""
        self.posts_read += other.posts_read
        self.deletions += other.deletions
        self.dead_lettered += other.dead_lettered
        for reason, number in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + number


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a source with an end is. `phase` is "ordering", then "replaying"."""

    phase: str
    bytes_done: int
    bytes_total: int
    event_ms: int
    """Event time of the newest post handed out; 0 before the first."""


class Source(Protocol):
    """Where posts come from, in the ingest hop."""

    name: str
    namespace: str
    counters: Counters

    @property
    def ended(self) -> bool:
        """Whether nothing more will ever come. Always false of a live source."""

    def read(self, max_items: int) -> Sequence[Brought]:
        """The next items, in order; none when there is nothing now."""

    def cursor(self) -> bytes:
        """The place behind everything that `read` has returned."""

    def progress(self) -> Progress | None:
        """None where there is no end to be far from."""

    def close(self) -> None:
        """Let go of files and connections. What was not saved will be read again."""
