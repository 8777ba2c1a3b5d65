"""What goes into the detector and what comes out of it: minutes in, findings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["negative_share", "negative_volume", "sentiment_drop"]
KINDS: tuple[Kind, ...] = ("negative_share", "negative_volume", "sentiment_drop")
MINUTE_MS = 60_000


class Minute(NamedTuple):
    """One closed minute of one topic; `sum` is of scores, in units of 1/10,000 (SCORE_UNIT)."""

    negative: int
    neutral: int
    positive: int
    sum: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What one kind says of one topic at the end of a minute.

    `observed`, `expected`, `low` and `high` are of the long window, in the kind's
    unit: a share 0..1, negative posts, or a mean score -1..1. `low` and `high`
    hold 90 % of what was expected there.
    """

    surprise: float
    """Tail probability of the long window under the baseline, in [0, 1]: small is surprising."""
    per_week: float
    """How often a week a calm topic shows this or more: what a rule's sensitivity is held against.
    """
    agreed: bool
    """The short window speaks for it too. What does not agree opens no alert."""
    observed: float
    expected: float
    low: float
    high: float
    posts: int
    """Posts in the long window."""
    negative: int
    """Negative posts in it."""
    since_ms: int
    """Its start: where the evidence begins."""
