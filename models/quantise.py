"""int8 forms of the ONNX files, for ONNX Runtime.

The backbone is quantised statically (QDQ, one scale per output channel,
ranges from real pictures): its activations are bounded by ReLU6. The text
encoder's activations have outliers that static ranges would clip or blur;
there the weights are int8 and each batch's activations are scaled as they
come, and weights keep 7 bits, which costs nothing there and keeps processors
without VNNI, whose int8 dot product saturates at 16 bits, exact. The backbone
loses too much with 7 bits: on such a processor it may answer a little differently.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from models.rowwise import row_by_row


class Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Feeds pictures (N, 224, 224, 3) to the calibration, a few at a time."""

    def __init__(self, pictures: npt.NDArray[np.uint8], batch: int = 8) -> None:
        self.batches = iter(
            [{"IMAGE": pictures[at : at + batch]} for at in range(0, len(pictures), batch)]
        )

    def get_next(self) -> dict[str, npt.NDArray[np.uint8]] | None:
        return next(self.batches, None)


def quantise_backbone(fp32: Path, int8: Path, pictures: npt.NDArray[np.uint8]) -> None:
    """Static QDQ of the convolutions; the projection and its norm stay as they are.

    Measured on 397 dev pairs, agreement with fp32 in the label: ranges by
    percentile 98.5 %, by extremes 97.5 %; 7-bit weights 96.0 %, a quantised
    projection 95.2 %.
    """
    prepared = int8.with_suffix(".prepared.onnx")
    _quietly()
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(int8),
        Pictures(pictures),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.Percentile,
        op_types_to_quantize=["Conv", "Add", "Clip"],
        extra_options={"CalibPercentile": 99.999},
    )
    prepared.unlink()


def quantise_text(fp32: Path, int8: Path) -> None:
    """int8 weights of the linear layers; the word table is packed before export.

    Text by text (`models.rowwise`): a text's states must not depend on its batch.
    """
    _quietly()
    linear = _linear_layers(fp32)
    quantize_dynamic(
        str(fp32),
        str(int8),
        op_types_to_quantize=["MatMul"],
        nodes_to_quantize=linear,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    onnx.save(row_by_row(onnx.load(str(int8))), str(int8))


def _linear_layers(path: Path) -> list[str]:
    """MatMul nodes with a constant on the right: not those of the attention."""
    graph = onnx.load(str(path)).graph
    constants = {tensor.name for tensor in graph.initializer}
    return [n.name for n in graph.node if n.op_type == "MatMul" and n.input[1] in constants]


def session(path: Path, threads: int = 2) -> Any:
    """An inference session on the processor with this many threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _quietly() -> None:
    """ONNX Runtime logs a warning a node through the root logger."""
    logging.getLogger().setLevel(logging.ERROR)
