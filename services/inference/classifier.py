"""The port behind which the two networks run: in this process, or on a Triton server."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.signature import SENTIMENT
from services.errors import Unavailable, UndertoneError

Array = NDArray[Any]

MAX_PAIRS = 128
"""Pairs in one request at most; Triton's configuration says the same."""


class BadBatch(UndertoneError):
    """The networks can't score this batch: one of its pairs, or they themselves, are at fault.

    The stage finds out which by splitting the batch and by trying a blank one.
    """


@dataclass(frozen=True, slots=True)
class Batch:
    """N pairs of one picture and its words, as `models.signature.SENTIMENT` takes them."""

    images: NDArray[np.uint8]
    """(N, IMAGE_SIZE, IMAGE_SIZE, 3) RGB; zeros where there is no picture."""
    has_image: NDArray[np.float32]
    """(N, 1), 1 or 0."""
    tokens: NDArray[np.int32]
    """(N, MAX_TOKENS)."""

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: slice) -> Batch:
        return Batch(self.images[rows], self.has_image[rows], self.tokens[rows])

    def inputs(self) -> dict[str, Array]:
        """The same by tensor name."""
        return {"IMAGE": self.images, "HAS_IMAGE": self.has_image, "TOKENS": self.tokens}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The ensemble's outputs for N pairs, keyed by tensor name as the signature has them."""

    outputs: dict[str, Array]


class Classifier(Protocol):
    """Scores batches. Thread-safe; several batches may be in flight."""

    def submit(self, batch: Batch) -> Future[Verdicts]:
        """Score a batch of at most MAX_PAIRS pairs.

        The future raises `Unavailable`, or `BadBatch` for what never works.
        """

    def check(self) -> None:
        """Raise unless the networks are loaded and match the signature."""

    def close(self) -> None: ...


def verified(neighbour: str, outputs: dict[str, Array], pairs: int) -> Verdicts:
    """The answer, once it is one.

    A wrong shape or dtype never comes from a post, so it is the server's fault:
    `Unavailable`. What is not finite may come from one pair: `BadBatch`.
    """
    for tensor in SENTIMENT.outputs:
        array, shape = outputs.get(tensor.name), (pairs, *tensor.shape)
        if array is None or array.shape != shape or array.dtype != tensor.dtype:
            found = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise Unavailable(
                neighbour, f"answered {found} for {tensor.name}, not {tensor.dtype} {shape}"
            )
        if not np.isfinite(array).all():
            raise BadBatch(f"{neighbour} answered with numbers that are not finite: {tensor.name}")
    return Verdicts(outputs)
