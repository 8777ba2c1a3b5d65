"""Where the networks looked, small enough to travel with every score.

194 bytes: for each of `models.signature.NETWORKS` its attention on the 48
tokens, then on the 49 regions (7 x 7, row by row). A byte is a weight relative
to the greatest of its part (255): enough for a shade, and all that is shown.
A part without anything (no words, no picture) is zeros; where no part has
anything, there are no bytes at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.signature import MAX_TOKENS, NETWORKS, REGIONS

PARTS = tuple(
    (f"{network.upper()}_{part}_ATTENTION", length)
    for network in NETWORKS
    for part, length in (("WORD", MAX_TOKENS), ("REGION", REGIONS))
)
"""The tensors, in the order of the bytes, each with its length."""
SIZE = sum(length for _, length in PARTS)


@dataclass(frozen=True, slots=True)
class Looked:
    """One network's attention, 0..255 relative to the greatest of each part."""

    words: bytes
    """(MAX_TOKENS,), by place in the tokens as `models.tokenizer` makes them of the text."""
    regions: bytes
    """(REGIONS,), row by row, on the centred square of the post's first picture."""


def pack(outputs: Mapping[str, NDArray[Any]]) -> list[bytes]:
    """Of N pairs, from the networks' outputs (N, …) by tensor name: SIZE bytes, or none, each."""
    parts = [_scaled(outputs[name]) for name, _ in PARTS]
    rows = np.concatenate(parts, axis=1)
    given: NDArray[np.bool_] = np.any(rows, axis=1)  # (N,)
    packed = rows.tobytes()
    return [packed[n * SIZE : (n + 1) * SIZE] if given[n] else b"" for n in range(len(rows))]


def _scaled(weights: NDArray[Any]) -> NDArray[np.uint8]:
    """(N, length) non-negative weights to 0..255, the greatest of each row at 255."""
    greatest = weights.max(axis=1, keepdims=True)
    shares = np.divide(weights, greatest, out=np.zeros_like(weights), where=greatest > 0)
    scaled: NDArray[np.uint8] = np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return scaled


def unpack(packed: bytes) -> dict[str, Looked]:
    """By network; nothing where there are not exactly SIZE bytes (nothing given, or unknown)."""
    if len(packed) != SIZE:
        return {}
    looked, at = {}, 0
    for network in NETWORKS:
        words = packed[at : at + MAX_TOKENS]
        regions = packed[at + MAX_TOKENS : at + MAX_TOKENS + REGIONS]
        looked[network] = Looked(words, regions)
        at += MAX_TOKENS + REGIONS
    return looked
