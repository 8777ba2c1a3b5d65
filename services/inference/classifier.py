"""The port behind which the two networks run: in this process, or on a Triton server."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The ensemble's outputs for N pairs, keyed by tensor name as the signature has them."""

    outputs: dict[str, Array]


class Classifier(Protocol):
    """Scores batches. Thread-safe; several batches may be in flight."""

    def submit(self, batch: Batch) -> Future[Verdicts]:
        """Score a batch. The future raises `Unavailable`, or `BadBatch` for what never works."""

    def check(self) -> None:
        """Raise unless the networks are loaded and match the signature."""

    def close(self) -> None: ...
