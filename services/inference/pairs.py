"""From posts to pairs of one picture and the words, and from the pairs' scores to the post's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.signature import PAD_ID
from models.tokenizer import Tokenizer
from services.errors import BadRecord
from services.inference.cache import Cache, content_key
from services.inference.pictures import pixels
from services.metrics import SCORE_CACHE
from services.records import SCORE_UNIT, Picture, Post

MAX_PICTURES = 4
Probabilities = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Score:
    """What the networks say of one pair, or of a whole post; probabilities as LABELS has them."""

    dmlanet: Probabilities
    rnnca: Probabilities
    picture_weight: float
    """0..1, mean of both networks."""
    attention: bytes = b""
    """Where they looked (`services.attention`); of a post, with its first picture."""

    @property
    def label(self) -> int:
        """Largest class of the networks' mean; the first of equals."""
        mean = [a + b for a, b in zip(self.dmlanet, self.rnnca, strict=True)]
        return mean.index(max(mean))

    @property
    def units(self) -> int:
        """P(positive) - P(negative) of the networks' mean, in 1/SCORE_UNIT."""
        difference = self.dmlanet[2] + self.rnnca[2] - self.dmlanet[0] - self.rnnca[0]
        return round(difference / 2 * SCORE_UNIT)


@dataclass(frozen=True, slots=True)
class Pair:
    """One picture (or None) with the words of its post. `known` where it was scored before."""

    key: bytes
    tokens: NDArray[np.int32]
    """(MAX_TOKENS,)"""
    image: NDArray[np.uint8] | None = None
    """(IMAGE_SIZE, IMAGE_SIZE, 3)"""
    known: Score | None = None


@dataclass(frozen=True, slots=True)
class Expanded:
    """A post as pairs; never empty. `reasons` say which side is masked, and why."""

    pairs: tuple[Pair, ...]
    has_image: bool
    has_text: bool
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class Expander:
    """Makes pairs of the posts of one batch, decoding each different picture once."""

    tokenizer: Tokenizer
    cache: Cache[Score]
    _made: dict[bytes, Pair] = field(default_factory=dict)

    def expand(self, posts: Sequence[Post]) -> list[Expanded]:
        rows = self.tokenizer.encode_batch([post.text for post in posts])
        return [self._post(post, row) for post, row in zip(posts, rows, strict=True)]

    def _post(self, post: Post, tokens: NDArray[np.int32]) -> Expanded:
        pairs: list[Pair] = []
        reasons: list[str] = []
        for picture in post.pictures[:MAX_PICTURES]:
            try:
                pairs.append(self._pair(_bytes(picture), tokens))
            except BadRecord as error:
                reasons.append(error.reason)
        has_image, has_text = bool(pairs), bool((tokens != PAD_ID).any())
        if has_image:
            reasons = []  # what is left of the pictures is enough
        else:
            reasons = reasons[:1] or ["no_picture"]
            pairs = [self._pair(None, tokens)]
        if not has_text:
            reasons.append("no_text")
        return Expanded(tuple(pairs), has_image, has_text, tuple(reasons))

    def _pair(self, jpeg: bytes | None, tokens: NDArray[np.int32]) -> Pair:
        """`BadRecord` where the picture can't be decoded."""
        key = content_key(jpeg, tokens.tobytes())
        if key in self._made:
            SCORE_CACHE.labels("same_batch").inc()
            return self._made[key]
        known = self.cache.get(key)
        image = None if jpeg is None or known else pixels(jpeg)
        pair = self._made[key] = Pair(key, tokens, image, known)
        return pair


def _bytes(picture: Picture) -> bytes:
    if not picture.jpeg:
        raise BadRecord(picture.reason or "missing_picture")
    return picture.jpeg


def mean(scores: Sequence[Score]) -> Score:
    """A post's score: the mean over its pairs, of which there is at least one."""
    if len(scores) == 1:
        return scores[0]
    count = len(scores)

    def over(vectors: Sequence[Probabilities]) -> Probabilities:
        first, second, third = (sum(column) / count for column in zip(*vectors, strict=True))
        return first, second, third

    return Score(
        dmlanet=over([score.dmlanet for score in scores]),
        rnnca=over([score.rnnca for score in scores]),
        picture_weight=sum(score.picture_weight for score in scores) / count,
        attention=scores[0].attention,
    )
