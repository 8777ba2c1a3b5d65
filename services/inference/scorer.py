"""Sends pairs to the networks in requests of bounded size, and finds the one that spoils them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future

import numpy as np

from models.signature import IMAGE_SIZE, MAX_TOKENS
from services import attention
from services.errors import Unavailable
from services.inference.cache import Cache
from services.inference.classifier import BadBatch, Batch, Classifier, Verdicts
from services.inference.pairs import Pair, Score
from services.metrics import PAIRS

Scores = dict[bytes, "Score | BadBatch"]
"""By the pair's key; `BadBatch` for a pair that the networks can't score."""


class Scorer:
    """Scores pairs, each content once."""

    def __init__(self, classifier: Classifier, cache: Cache[Score], max_pairs: int) -> None:
        self._classifier, self._cache, self._max_pairs = classifier, cache, max_pairs

    def score(self, pairs: Iterable[Pair]) -> Mapping[bytes, Score | BadBatch]:
        """Blocks until all are scored. `Unavailable` where the networks don't answer, or fail."""
        scores: Scores = {}
        fresh: dict[bytes, Pair] = {}
        for pair in pairs:
            if pair.known is not None:
                scores[pair.key] = pair.known
            else:
                fresh[pair.key] = pair
        todo = list(fresh.values())
        chunks = [todo[i : i + self._max_pairs] for i in range(0, len(todo), self._max_pairs)]
        for chunk, future in [(chunk, self._submit(chunk)) for chunk in chunks]:
            scores |= self._gather(chunk, future)
        return scores

    def _submit(self, pairs: Sequence[Pair]) -> Future[Verdicts]:
        PAIRS.observe(len(pairs))
        return self._classifier.submit(_batch(pairs))

    def _gather(self, pairs: Sequence[Pair], future: Future[Verdicts]) -> Scores:
        try:
            made = _scores(future.result())
        except BadBatch as error:
            return self._divide(pairs, error)
        scores: Scores = {}
        for pair, score in zip(pairs, made, strict=True):
            self._cache.put(pair.key, score)
            scores[pair.key] = score
        return scores

    def _divide(self, pairs: Sequence[Pair], error: BadBatch) -> Scores:
        """Both halves on their own; a single pair is bad if nothing else can be the reason."""
        if len(pairs) > 1:
            middle = len(pairs) // 2
            halves = pairs[:middle], pairs[middle:]
            submitted = [(half, self._submit(half)) for half in halves]
            left, right = [self._gather(half, future) for half, future in submitted]
            return left | right
        self._blame_the_networks_if_they_fail_on_nothing(error)
        try:
            (score,) = _scores(self._submit(pairs).result())
        except BadBatch as again:
            return {pairs[0].key: again}
        return {pairs[0].key: score}

    def _blame_the_networks_if_they_fail_on_nothing(self, error: BadBatch) -> None:
        """A model that answers NaN to everything must hold the stream, not dead-letter it."""
        try:
            self._classifier.submit(_blank()).result()
        except BadBatch:
            raise Unavailable("networks", f"they fail on a blank pair too: {error}") from error


def _batch(pairs: Sequence[Pair]) -> Batch:
    images = np.zeros((len(pairs), IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    has_image = np.zeros((len(pairs), 1), dtype=np.float32)
    for row, pair in enumerate(pairs):
        if pair.image is not None:
            images[row], has_image[row] = pair.image, 1
    return Batch(images, has_image, np.stack([pair.tokens for pair in pairs]))


def _blank() -> Batch:
    """One pair without picture and words."""
    return Batch(
        np.zeros((1, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8),
        np.zeros((1, 1), dtype=np.float32),
        np.zeros((1, MAX_TOKENS), dtype=np.int32),
    )


def _scores(verdicts: Verdicts) -> list[Score]:
    out = verdicts.outputs
    weights = (out["DMLANET_PICTURE_WEIGHT"] + out["RNNCA_PICTURE_WEIGHT"]) / 2
    return [
        Score(tuple(dmlanet), tuple(rnnca), weight, looked)
        for dmlanet, rnnca, (weight,), looked in zip(
            out["DMLANET_PROBS"].tolist(), out["RNNCA_PROBS"].tolist(), weights.tolist(),
            attention.pack(out), strict=True,
        )
    ]  # fmt: skip
