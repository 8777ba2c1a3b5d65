"""From a trained run to the ONNX files that ship: fp32, int8, manifest.

    python -m models.export --run runs/default

For each of backbone, text, dmlanet and rnnca: fp32 ONNX, compared with torch on
real pairs (1e-3), then the int8 form, compared with fp32 over the dev pairs.
Artefacts go to models/artifacts, fp32 files and the report stay in the run.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from models import signature
from models.backbone import Backbone, Projection
from models.data import MVSA_PAIRS
from models.encoder import Embeddings, TextEncoder
from models.joint import Joint
from models.manifest import write_manifest
from models.parts import Answer
from models.quantise import quantise_backbone, quantise_text, session
from models.signature import LABELS, MAX_TOKENS, PAD_ID

Arrays = dict[str, npt.NDArray[np.generic]]
ARTIFACTS = Path(__file__).parent / "artifacts"
OPSET = 17  # the newest that onnxruntime 1.18 and Triton 24.x both run in full
TOLERANCE = 1e-3
CALIBRATION_PICTURES = 256


class ParityError(RuntimeError):
    """An exported network does not answer as the trained one does."""


class BackboneModule(nn.Module):
    """IMAGE -> FEATURES."""

    def __init__(self, backbone: Backbone, projection: Projection) -> None:
        super().__init__()
        self.backbone, self.projection = backbone, projection

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.projection(self.backbone(image))
        return out


class PackedTable(nn.Module):
    """The word table as int8 with a scale per word: a quarter of the size, error < 0.4 %."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        scale = table.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("scale", scale)
        self.register_buffer("packed", (table / scale).round().to(torch.int8))

    def forward(self, tokens: Tensor) -> Tensor:
        rows: Tensor = nn.functional.embedding(tokens, self.packed).float()  # type: ignore[arg-type]
        scales: Tensor = nn.functional.embedding(tokens, self.scale)  # type: ignore[arg-type]
        return rows * scales


class TextModule(nn.Module):
    """TOKENS -> STATES, computed only as far as the batch's longest text reaches."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens.long()
        longest = (tokens != PAD_ID).long().sum(1).max().clamp(min=1)
        states = self.encoder(tokens[:, :longest])
        rest = states.new_zeros(1).expand(states.shape[0], MAX_TOKENS - longest, states.shape[2])
        return torch.cat([states, rest], 1)


class NetworkModule(nn.Module):
    """A network with its temperature: FEATURES, HAS_IMAGE, STATES, TOKENS -> four outputs."""

    def __init__(self, head: nn.Module, temperature: float) -> None:
        super().__init__()
        self.head, self.temperature = head, temperature

    def forward(
        self, features: Tensor, has_image: Tensor, states: Tensor, tokens: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        answer: Answer = self.head.answer(features, has_image, states, tokens.long())
        return (
            (answer.logits / self.temperature).softmax(-1),
            answer.word_attention,
            answer.region_attention,
            answer.picture_weight,
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run's final model consists of."""

    backbone: Backbone
    joint: Joint
    temperatures: dict[str, float]


def modules(trained: Trained) -> dict[str, nn.Module]:
    """One torch module per ONNX file, in the order in which they run."""
    joint = trained.joint
    assert isinstance(joint.encoder, TextEncoder)
    found: dict[str, nn.Module] = {
        "backbone": BackboneModule(trained.backbone, joint.projection),
        "text": TextModule(joint.encoder),
    }
    for name in signature.NETWORKS:
        found[name] = NetworkModule(joint.heads[name], trained.temperatures[name])
    return {name: module.eval() for name, module in found.items()}


def to_onnx(module: nn.Module, model: signature.Model, path: Path) -> None:
    """Write `module` with the signature's names and a dynamic batch."""
    example = tuple(_example(tensor) for tensor in model.inputs)
    names = [t.name for t in (*model.inputs, *model.outputs)]
    with warnings.catch_warnings():
        # The TorchScript exporter: it keeps a data-dependent slice and LSTM as they are.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            str(path),
            input_names=[t.name for t in model.inputs],
            output_names=[t.name for t in model.outputs],
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
    _state_shapes(path, model)


def _state_shapes(path: Path, model: signature.Model) -> None:
    """Write the signature's shapes over those that the exporter could not infer."""
    proto = onnx.load(str(path))
    for value, tensor in zip(proto.graph.output, model.outputs, strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim[1:], tensor.shape, strict=True):
            dim.dim_value = size
    onnx.save(proto, str(path))


def _example(tensor: signature.Tensor) -> Tensor:
    """Two rows that pass: zeros, ones where a picture or a word is asked for."""
    dtype = getattr(torch, tensor.dtype)
    value = 7 if tensor.name == "TOKENS" else 1
    return torch.full((2, *tensor.shape), value, dtype=dtype)


def run_chain(folder: Path, pictures: Arrays, threads: int = 2) -> Arrays:
    """All outputs of the four files in `folder`, for IMAGE, HAS_IMAGE and TOKENS."""
    known: Arrays = dict(pictures)
    for model in signature.MODELS:
        run = session(folder / f"{model.name}.onnx", threads)
        names = [tensor.name for tensor in model.outputs]
        parts = []
        for at in range(0, len(known["TOKENS"]), 32):
            inputs = {t.name: known[t.name][at : at + 32] for t in model.inputs}
            parts.append(run.run(names, inputs))
        known |= {n: np.concatenate(p) for n, p in zip(names, zip(*parts, strict=True), strict=True)}
    return {name: value for name, value in known.items() if name not in pictures}


@torch.inference_mode()
def run_torch(found: dict[str, nn.Module], pictures: Arrays) -> Arrays:
    """The same by torch."""
    known: Arrays = dict(pictures)
    for model in signature.MODELS:
        inputs = [torch.from_numpy(known[t.name]) for t in model.inputs]
        outputs = found[model.name](*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        known |= {t.name: o.numpy() for t, o in zip(model.outputs, outputs, strict=True)}
    return {name: value for name, value in known.items() if name not in pictures}


def check_parity(found: dict[str, nn.Module], folder: Path, pairs: Arrays) -> float:
    """Largest difference of any output between torch and fp32 ONNX; ParityError above 1e-3."""
    ours, theirs = run_torch(found, pairs), run_chain(folder, pairs)
    worst = {name: float(np.abs(ours[name] - theirs[name]).max()) for name in ours}
    if (largest := max(worst.values())) > TOLERANCE:
        raise ParityError(f"ONNX and torch differ by more than {TOLERANCE}: {worst}")
    return largest


def export(trained: Trained, run: Path, out: Path, pairs: Arrays) -> dict[str, float]:
    """Write fp32 files to `run`/onnx, int8 ones to `out`; returns the parity figures.

    `pairs` holds IMAGE, HAS_IMAGE and TOKENS of real pairs.
    """
    fp32, packed = run / "onnx", run / "packed"
    for folder in (fp32, packed, out):
        folder.mkdir(parents=True, exist_ok=True)
    found = modules(trained)
    for model in signature.MODELS:
        to_onnx(found[model.name], model, fp32 / f"{model.name}.onnx")
    few = {name: value[:32] for name, value in pairs.items()}
    parity = check_parity(found, fp32, few)
    calibration = pairs["IMAGE"][:CALIBRATION_PICTURES]
    quantise_backbone(fp32 / "backbone.onnx", out / "backbone.onnx", calibration)
    text = found["text"]
    assert isinstance(text, TextModule)
    embeddings: Embeddings = text.encoder.embeddings
    embeddings.words = PackedTable(embeddings.words.weight.detach())  # type: ignore[assignment]
    to_onnx(text, signature.TEXT, packed / "text.onnx")
    quantise_text(packed / "text.onnx", out / "text.onnx")
    for name in signature.NETWORKS:  # small: nothing to gain from int8
        (out / f"{name}.onnx").write_bytes((fp32 / f"{name}.onnx").read_bytes())
    return {"fp32_largest_difference": parity}
