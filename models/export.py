"""From a trained run to the ONNX files that ship: fp32, int8, manifest.

    python -m models.export --run runs/default

For each of backbone, text, dmlanet and rnnca: fp32 ONNX, compared with torch on
real pairs (1e-3), then the int8 form, compared with fp32 over the dev pairs.
Artefacts go to models/artifacts, fp32 files and the report stay in the run.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from models import signature
from models.backbone import Backbone, build
from models.data import DataError, prepared
from models.encoder import TextEncoder
from models.joint import Joint
from models.manifest import write_manifest
from models.onnx_modules import BackboneModule, NetworkModule, PackedTable, TextModule
from models.parity import Arrays, ParityError, check_parity, compare, run_chain
from models.quantise import quantise_backbone, quantise_text
from models.run import Run
from models.variants import networks

Pictures = npt.NDArray[np.uint8]
ARTIFACTS = Path(__file__).parent / "artifacts"
OPSET = 17  # the newest that onnxruntime 1.18 and Triton 24.x both run in full
CALIBRATION_PICTURES = 128
PARITY_PAIRS = 64


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run's final model consists of."""

    backbone: Backbone
    joint: Joint
    temperatures: dict[str, float]
    prior: Sequence[float]


def modules(trained: Trained) -> dict[str, nn.Module]:
    """One torch module per ONNX file, in the order in which they run."""
    joint = trained.joint
    assert isinstance(joint.encoder, TextEncoder)
    found: dict[str, nn.Module] = {
        "backbone": BackboneModule(trained.backbone, joint.projection),
        "text": TextModule(joint.encoder),
    }
    for name in signature.NETWORKS:
        found[name] = NetworkModule(joint.heads[name], trained.temperatures[name], trained.prior)
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


def write_onnx(found: dict[str, nn.Module], fp32: Path, out: Path, pictures: Pictures) -> None:
    """fp32 files of all modules in `fp32`, the int8 forms in `out`."""
    for model in signature.MODELS:
        to_onnx(found[model.name], model, fp32 / f"{model.name}.onnx")
    quantise_backbone(fp32 / "backbone.onnx", out / "backbone.onnx", pictures)
    text = found["text"]
    assert isinstance(text, TextModule)
    packed = TextModule(copy.deepcopy(text.encoder))
    table = packed.encoder.embeddings.words.weight.detach()
    packed.encoder.embeddings.words = PackedTable(table)  # type: ignore[assignment]
    to_onnx(packed.eval(), signature.TEXT, fp32 / "packed.onnx")
    quantise_text(fp32 / "packed.onnx", out / "text.onnx")
    for name in signature.NETWORKS:  # a megabyte each, two percent of the time: left as they are
        shutil.copy(fp32 / f"{name}.onnx", out / f"{name}.onnx")


def trained(run: Run) -> Trained:
    """The final networks of the run."""
    path = run.folder / "final.pt"
    if not path.is_file():
        raise DataError(f"no {path}: train first (make train)")
    backbone = build(run.config.backbone)
    joint = Joint(backbone.channels, TextEncoder(), networks(), run.config.frozen_layers)
    state = torch.load(path, weights_only=True)
    joint.load_state_dict({k: v for k, v in state.items() if not _other_head(k)})
    told = json.loads((run.folder / "final.json").read_text())
    return Trained(backbone, joint, told["temperatures"], told["prior"])


def _other_head(key: str) -> bool:
    return key.startswith("heads.") and key.split(".")[1] not in signature.NETWORKS


def _pairs(run: Run, rows: npt.NDArray[np.int64]) -> Arrays:
    """IMAGE, HAS_IMAGE and TOKENS of these pairs."""
    chosen = run.pairs.select(rows)
    pictures, has_image = prepared(chosen)
    tokens = run.tokenizer.encode_batch(chosen.texts)
    return {"IMAGE": pictures, "HAS_IMAGE": has_image, "TOKENS": tokens}


def export(run: Run, out: Path) -> dict[str, Any]:
    """Write, check and compare; returns the figures that go into the manifest."""
    fp32 = run.folder / "onnx"
    for folder in (fp32, out):
        folder.mkdir(parents=True, exist_ok=True)
    found, fold = modules(trained(run)), run.folds[0]
    dev = _pairs(run, fold.dev)
    random = np.random.default_rng(0)
    some = random.choice(fold.train, CALIBRATION_PICTURES, replace=False)
    write_onnx(found, fp32, out, _pairs(run, some)["IMAGE"])
    parity = check_parity(found, fp32, {name: value[:PARITY_PAIRS] for name, value in dev.items()})
    int8 = compare(run_chain(fp32, dev), run_chain(out, dev), run.pairs.labels[fold.dev])
    return {"fp32_against_torch": parity, "int8_against_fp32": int8, "folds": _fold_figures(run)}


def _fold_figures(run: Run) -> dict[str, Any]:
    """Accuracy and weighted F1 over the folds, as `models.evaluate` measured them."""
    path = run.folder / "evaluation" / "evaluation.json"
    if not path.is_file():
        raise DataError(f"no {path}: evaluate first (make evaluate)")
    test = json.loads(path.read_text())["test"]
    wanted = (*signature.NETWORKS, "mean", "later_fusion", "later_fusion-alone")
    kept = ("accuracy_over_runs", "weighted_f1_over_runs", "runs")
    return {name: {key: test[name][key] for key in kept} for name in wanted if name in test}


def main() -> None:
    parser = argparse.ArgumentParser(description="Export a training run's final networks.")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    parser.add_argument("--out", type=Path, default=ARTIFACTS, help="where the int8 files go")
    options = parser.parse_args()
    try:
        figures = export(Run.existing(options.run), options.out)
    except (DataError, ParityError) as error:
        sys.exit(str(error))
    write_manifest(options.out, figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
