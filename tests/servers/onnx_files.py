"""Small random networks that obey `models.signature`, and broken ones, as ONNX files.

For tests of serving: milliseconds to build and run, every input matters to the
outputs, and faults can be asked for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

from models.signature import (
    CHANNELS,
    IMAGE_SIZE,
    LABELS,
    MAX_TOKENS,
    MODELS,
    PAD_ID,
    REGIONS,
    TEXT_DIM,
)

POISON = 13
"""With the fault `poison`, a text with this token id gets NaN."""
FAULTS = ("poison", "nan", "shapes")
_WORDS = 97  # rows of the embedding; ids are taken modulo

_SIDE = int(REGIONS**0.5)
_STRIDE = IMAGE_SIZE // _SIDE

_BACKBONE = f"""
backbone (uint8[N,{IMAGE_SIZE},{IMAGE_SIZE},3] IMAGE) => (float[N,{REGIONS},{CHANNELS}] FEATURES)
<int64[3] shape = {{0, 3, {REGIONS}}}>
{{
  real = Cast <to = 1> (IMAGE)
  planes = Transpose <perm = [0, 3, 1, 2]> (real)
  pooled = AveragePool <kernel_shape = [{_STRIDE}, {_STRIDE}], strides = [{_STRIDE}, {_STRIDE}]>
           (planes)
  flat = Reshape (pooled, shape)
  cells = Transpose <perm = [0, 2, 1]> (flat)
  mixed = MatMul (cells, W)
  FEATURES = Tanh (mixed)
}}"""

_TEXT = f"""
text (int32[N,{MAX_TOKENS}] TOKENS) => (float[N,{MAX_TOKENS},{TEXT_DIM}] STATES)
<int32 words = {{{_WORDS}}}>
{{
  row = Mod (TOKENS, words)
  STATES = Gather (W, row)
}}"""

_HEAD = f"""
head (float[N,{REGIONS},{CHANNELS}] FEATURES, float[N,1] HAS_IMAGE,
      float[N,{MAX_TOKENS},{TEXT_DIM}] STATES, int32[N,{MAX_TOKENS}] TOKENS)
  => (float[N,{len(LABELS)}] @_PROBS, float[N,{MAX_TOKENS}] @_WORD_ATTENTION,
      float[N,{REGIONS}] @_REGION_ATTENTION, float[N,1] @_PICTURE_WEIGHT)
<int32 pad = {{{PAD_ID}}}, int64[1] one = {{1}}, float tiny = {{1e-9}}, float unit = {{1.0}},
 int32 poison = {{{POISON}}}>
{{
  is_pad = Equal (TOKENS, pad)
  is_word = Not (is_pad)
  word = Cast <to = 1> (is_word)
  energy = MatMul (STATES, V)
  flat = Squeeze (energy, minus)
  raised = Exp (flat)
  masked = Mul (raised, word)
  total = ReduceSum <keepdims = 1> (masked, one)
  safe = Add (total, tiny)
  @_WORD_ATTENTION = Div (masked, safe)
  rows = Unsqueeze (@_WORD_ATTENTION, one)
  read = MatMul (rows, STATES)
  said = Squeeze (read, one)
  look = MatMul (FEATURES, U)
  looks = Squeeze (look, minus)
  seen_raw = Softmax <axis = 1> (looks)
  @_REGION_ATTENTION = Mul (seen_raw, HAS_IMAGE)
  cells = Unsqueeze (@_REGION_ATTENTION, one)
  view = MatMul (cells, FEATURES)
  seen = Squeeze (view, one)
  from_words = MatMul (said, A)
  from_picture = MatMul (seen, B)
  plain_logits = Add (from_words, from_picture)
  is_poison = Equal (TOKENS, poison)
  poisons = Cast <to = 1> (is_poison)
  poisoned = ReduceSum <keepdims = 1> (poisons, one)
  below = Neg (poisoned)
  fault = @FAULT
  bad = Sqrt (fault)
  logits = Add (plain_logits, bad)
  @_PROBS = Softmax <axis = 1> (logits)
  lean = MatMul (seen, C)
  half = Sigmoid (lean)
  @_PICTURE_WEIGHT = Mul (half, HAS_IMAGE)
}}"""


# What the square root is taken of: 0, minus the count of poison, less than 0.
_ROOTS = {
    "": "Sub (poisoned, poisoned)",
    "poison": "Identity (below)",
    "nan": "Sub (below, unit)",
    "shapes": "Sub (poisoned, poisoned)",
}


def write(folder: Path, seed: int = 0, fault: str = "") -> Path:
    """All ONNX files of the signature in `folder`, with `fault` (one of FAULTS) in both heads.

    XX for a text with the token POISON. `nan`: NaN always. `shapes`,
        `dtype`: outputs that are not what the signature says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, model in enumerate(MODELS):
        rng = np.random.default_rng([seed, number])
        onnx.save(_build(model.name, rng, fault), folder / f"{model.name}.onnx")
    return folder


def _build(name: str, rng: np.random.Generator, fault: str) -> onnx.ModelProto:
    graph = parser.parse_graph(_source(name, fault))
    for key, array in _weights(name, rng, fault).items():
        graph.initializer.append(numpy_helper.from_array(array, key))
    graph.name = name
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(model)
    return model


def _source(name: str, fault: str) -> str:
    if name in ("backbone", "text"):
        return {"backbone": _BACKBONE, "text": _TEXT}[name]
    source = _HEAD.replace("@FAULT", _ROOTS[fault]).replace("@", name.upper())
    return source.replace(f"float[N,{len(LABELS)}]", f"float[N,{_classes(fault)}]")


def _classes(fault: str) -> int:
    return len(LABELS) - (fault == "shapes")


def _weights(name: str, rng: np.random.Generator, fault: str) -> dict[str, np.ndarray]:
    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

    if name == "backbone":
        return {"W": normal(3, CHANNELS) / 50}
    if name == "text":
        return {"W": normal(_WORDS, TEXT_DIM) * 10}
    return {
        "V": normal(TEXT_DIM, 1),
        "U": normal(CHANNELS, 1),
        "A": normal(TEXT_DIM, _classes(fault)) * 3,
        "B": normal(CHANNELS, _classes(fault)) * 3,
        "C": normal(CHANNELS, 1),
        "minus": np.array([-1], np.int64),
    }
