"""What each word does to the score: the pair is scored again without it.

Attention says where a network looked, this says what it made of it. One batch
of as many pairs as the text has words, so for one pair at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.signature import LABELS, NETWORKS, PAD_ID
from models.tokenizer import Token
from services.inference.classifier import Batch, Classifier, Verdicts

NEGATIVE, POSITIVE = LABELS.index("negative"), LABELS.index("positive")


@dataclass(frozen=True, slots=True)
class WordEffect:
    """A stretch of the text; the score is `effect` higher with it than without it."""

    text: str
    start: int
    end: int
    effect: float


def word_effects(
    classifier: Classifier, pair: Batch, text: str, tokens: list[Token]
) -> list[WordEffect]:
    """Of each word of `pair` (a batch of one) in the order of the text."""
    spans = list(dict.fromkeys((t.start, t.end) for t in tokens if t.end > t.start))
    if not spans:
        return []
    rows = [pair.tokens[0], *(_without(tokens, span, pair.tokens.shape[1]) for span in spans)]
    count = len(rows)
    batch = Batch(
        np.repeat(pair.images, count, axis=0),
        np.repeat(pair.has_image, count, axis=0),
        np.stack(rows).astype(np.int32),
    )
    whole, *others = _scores(classifier.submit(batch).result()).tolist()
    return [
        WordEffect(text[start:end], start, end, whole - other)
        for (start, end), other in zip(spans, others, strict=True)
    ]


def _without(tokens: list[Token], span: tuple[int, int], length: int) -> NDArray[np.int32]:
    """The ids without those of one word; all padding where nothing else is left."""
    kept = [token.id for token in tokens if (token.start, token.end) != span]
    row = np.full(length, PAD_ID, dtype=np.int32)
    if len(kept) > 2:  # more than the two special tokens
        row[: len(kept)] = kept
    return row


def _scores(verdicts: Verdicts) -> NDArray[np.float32]:
    """P(positive) - P(negative) of the networks' mean, of each row."""
    probs = np.mean([verdicts.outputs[f"{name.upper()}_PROBS"] for name in NETWORKS], axis=0)
    difference: NDArray[np.float32] = probs[:, POSITIVE] - probs[:, NEGATIVE]
    return difference
