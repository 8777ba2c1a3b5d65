"""What an alert is: its figures, why it was raised, and the events that receivers hear of."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, Literal

import msgspec

OPENED: Final = "opened"
WORSENED: Final = "worsened"
RESOLVED: Final = "resolved"


class PostRef(msgspec.Struct, frozen=True):
    """A post that an alert points to. Its words are read where they are kept, so that those of
    a deleted post are gone from its alerts too. `score` is P(positive) - P(negative), -1 to 1."""

    id: str
    created_at_ms: int
    score: float
    label: int


class RisingPhrase(msgspec.Struct, frozen=True):
    """Words that more posts say than before. `now` and `before` are shares of posts, 0 to 1."""

    text: str
    now: float
    before: float
    ratio: float


class Explanation(msgspec.Struct, frozen=True):
    """Why an alert opened: at its opening, and anew when it worsens or has lasted twice as long."""

    authors: int = 0
    posts: int = 0
    top_author_share: float = 0.0
    """Of the posts, those of the author who wrote most."""
    repost_share: float = 0.0
    cascade: str = ""
    """In one line, where it is one author or the reposts of few posts; else empty."""
    phrases: tuple[RisingPhrase, ...] = ()
    top_posts: tuple[PostRef, ...] = ()
    """Those that weigh most, first."""
    link: str = ""
    until_ms: int = 0
    """Looked at from the onset to here."""


class Alert(msgspec.Struct, frozen=True):
    """One alert as it stands. Times are event time in ms; figures are of the rule's window, in
    the unit of its kind: a share, a count of posts, a mean score."""

    id: str
    namespace: str
    topic: str
    rule: str
    kind: str
    severity: Literal["info", "warning", "critical"]
    state: Literal["open", "worse", "resolved"]
    onset_ms: int
    opened_ms: int
    changed_ms: int
    """The end of the minute in which `state` last changed."""
    resolved_ms: int | None
    observed: float
    expected: float
    low: float
    high: float
    """`low` to `high`: nine in ten calm windows lie there."""
    per_week: float | None
    """How often a calm topic would show this in a week; None for a plain threshold."""
    posts: int
    negative: int
    peak_observed: float
    peak_ms: int
    explanation: Explanation = Explanation()
    sequence: int = 1
    """How often it changed: the number of its newest event."""
    calm_ms: int | None = None
    """Since when what is observed no longer upholds it."""
    told: float = 0.0
    """How far from what was expected it was when its state last changed."""
    owed: Literal["", "opened", "worsened", "resolved"] = ""
    """What receivers are yet to hear, since it came about within quiet hours."""
    tell: tuple[str, ...] | None = None
    """Receivers by name; None for all that are configured."""
    measure: Literal["negative_share", "negative_volume", "posts", "mean_score"] = "negative_share"
    """What `observed` and its like are: a threshold's kind does not say."""

    @property
    def is_open(self) -> bool:
        return self.state != "resolved"


class AlertEvent(msgspec.Struct, frozen=True):
    """One transition, as the `alerts` stream and the receivers get it."""

    kind: Literal["opened", "worsened", "resolved"]
    alert: Alert
    sequence: int

    @property
    def key(self) -> str:
        """Who sees this key twice may drop the second."""
        return f"{self.alert.id}:{self.sequence}"


def alert_id(namespace: str, topic: str, rule: str, onset_ms: int) -> str:
    """The same onset is the same alert, in whatever process and however often."""
    text = f"{namespace}/{topic}/{rule}/{onset_ms}"
    return blake2b(text.encode(), digest_size=8).hexdigest()
