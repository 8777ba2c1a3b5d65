"""What people wrote."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.dashboard.schemas.base import Model


class PhraseItem(Model):
    """Words that more posts say than before."""

    text: str
    now: float
    """The share of posts that say it, in this time; `before`: in the time before."""
    before: float
    ratio: float


class PostRefItem(Model):
    """A post as alerts and lists name it."""

    id: str
    created_at_ms: int
    score: float
    label: Literal["negative", "neutral", "positive"]


class PostItem(PostRefItem):
    """A post that weighs much. Its text is a stranger's: show it as text only."""

    topic: str
    text: str
    url: str
    author: str
    author_name: str
    lang: str
    kind: str
    original_id: str
    has_image: bool
    has_text: bool
    pictures: list[str]
    """Addresses of our own, of those pictures that we hold."""
    dmlanet: list[float] | None
    """Calibrated probabilities: negative, neutral, positive."""
    rnnca: list[float] | None
    picture_weight: float | None
    """How much the pictures weighed against the words, 0 to 1."""
    unseen_language: bool
    masked_reason: str


class PostsPage(Model):
    namespace: str
    topic: str
    from_ms: int = Field(alias="from")
    to_ms: int = Field(alias="to")
    posts: list[PostItem]
    """Farthest from neutral first."""


class PhrasesPage(Model):
    namespace: str
    topic: str
    from_ms: int = Field(alias="from")
    to_ms: int = Field(alias="to")
    sampled: int
    """Posts of this time that were looked at, out of all; `sampled_before`: of the time before."""
    sampled_before: int
    phrases: list[PhraseItem]


class Word(Model):
    """A word of the text with the attention of both networks, 0 to 1 of the greatest.

    `start` and `end` count code points of `text` (in JavaScript: `Array.from(text)`).
    """

    text: str
    start: int
    end: int
    dmlanet: float
    rnnca: float


class Regions(Model):
    """7 rows of 7 regions, 0 to 1 of the greatest, from the upper left of the centred square of
    the first picture (what lies outside of that square the networks did not see)."""

    dmlanet: list[list[float]]
    rnnca: list[list[float]]


class PostDetail(PostItem):
    namespace: str
    words: list[Word]
    regions: Regions | None
    dmlanet_label: str | None
    rnnca_label: str | None
