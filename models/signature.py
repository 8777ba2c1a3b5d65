"""The one contract between the networks and whoever runs them.

Tensor names, shapes, dtypes and label order of every ONNX file and of the
Triton ensemble `sentiment` that joins them. The services build requests and
read answers from here, `models.export` exports to it, and the Triton
configuration under `deploy/triton/` is generated from it, so that a mismatch
is a failing test rather than wrong sentiment.

Shapes leave out the batch dimension, which is dynamic everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

LABELS: tuple[str, ...] = ("negative", "neutral", "positive")
"""Class order of every probability vector."""

IMAGE_SIZE = 224
"""Height and width in pixels of the picture the backbone takes."""

MAX_TOKENS = 48
"""Length of the padded token sequence. A longer text is cut and says so."""

PAD_ID = 0
"""Token id of padding: positions with it are masked."""

REGIONS = 49
"""Cells of the backbone's feature map (7 x 7, row by row)."""

CHANNELS = 256
"""Channels of the feature map as it leaves the backbone."""

TEXT_DIM = 384
"""Size of one token's state as it leaves the text encoder."""

NETWORKS: tuple[str, ...] = ("dmlanet", "rnnca")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output: `dtype` is numpy's name, `shape` leaves out the batch."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One ONNX file, `<name>.onnx`, with its inputs and outputs."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


IMAGE = Tensor("IMAGE", "uint8", (IMAGE_SIZE, IMAGE_SIZE, 3))
"""RGB, rows first. All zero where `HAS_IMAGE` is 0."""
HAS_IMAGE = Tensor("HAS_IMAGE", "float32", (1,))
"""1 where there is a picture, else 0: the picture side is masked."""
TOKENS = Tensor("TOKENS", "int32", (MAX_TOKENS,))
"""Token ids, padded with `PAD_ID`. A text without tokens is masked."""

FEATURES = Tensor("FEATURES", "float32", (REGIONS, CHANNELS))
STATES = Tensor("STATES", "float32", (MAX_TOKENS, TEXT_DIM))


def _outputs(network: str) -> tuple[Tensor, ...]:
    prefix = network.upper()
    return (
        # Calibrated class probabilities, in the order of LABELS; they sum to 1.
        Tensor(f"{prefix}_PROBS", "float32", (len(LABELS),)),
        # Non-negative, 0 on padding; sums to 1 over the tokens (all 0 without text).
        Tensor(f"{prefix}_WORD_ATTENTION", "float32", (MAX_TOKENS,)),
        # Non-negative; sums to 1 over the regions (all 0 without a picture).
        Tensor(f"{prefix}_REGION_ATTENTION", "float32", (REGIONS,)),
        # Share of the picture in the decision, 0..1; the words have the rest.
        Tensor(f"{prefix}_PICTURE_WEIGHT", "float32", (1,)),
    )


BACKBONE = Model("backbone", (IMAGE,), (FEATURES,))
TEXT = Model("text", (TOKENS,), (STATES,))
DMLANET = Model("dmlanet", (FEATURES, HAS_IMAGE, STATES, TOKENS), _outputs("dmlanet"))
RNNCA = Model("rnnca", (FEATURES, HAS_IMAGE, STATES, TOKENS), _outputs("rnnca"))
MODELS: tuple[Model, ...] = (BACKBONE, TEXT, DMLANET, RNNCA)
"""Every ONNX file, in the order in which they run."""

SENTIMENT = Model("sentiment", (IMAGE, HAS_IMAGE, TOKENS), DMLANET.outputs + RNNCA.outputs)
"""The ensemble: backbone and text encoder once, then both networks."""
