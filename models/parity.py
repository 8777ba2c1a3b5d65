"""Do the exported files answer as the trained networks do?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from models import signature
from models.quantise import session

Arrays = dict[str, npt.NDArray[Any]]
TOLERANCE = 1e-3


class ParityError(RuntimeError):
    """An exported network does not answer as the trained one does."""


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
        known |= {
            n: np.concatenate(p) for n, p in zip(names, zip(*parts, strict=True), strict=True)
        }
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


def compare(fp32: Arrays, int8: Arrays, labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """What int8 changes in the label and the probabilities of the networks' mean."""
    exact, packed = (_mean(outputs) for outputs in (fp32, int8))
    return {
        "pairs": len(labels),
        "label_agreement": float((exact.argmax(1) == packed.argmax(1)).mean()),
        "accuracy_change": float(
            (packed.argmax(1) == labels).mean() - (exact.argmax(1) == labels).mean()
        ),
        "mean_probability_difference": float(np.abs(exact - packed).mean()),
    }


def _mean(outputs: Arrays) -> npt.NDArray[np.float64]:
    both = [outputs[f"{name.upper()}_PROBS"].astype(np.float64) for name in signature.NETWORKS]
    mean: npt.NDArray[np.float64] = np.mean(both, axis=0)
    return mean
