"""Grad-CAM (Selvaraju et al. 2017) on the backbone's last feature map.

Where a change of the features would change the class that a network chose:
what the DMLANet paper draws in its figures 6 and 7, beside the network's own
attention on the regions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models import figures
from models.data import prepared
from models.export import trained
from models.joint import Batch, Joint
from models.run import Run
from models.signature import LABELS, NETWORKS

Heat = npt.NDArray[np.float64]


def save_examples(run: Run, path: Path) -> None:
    """For each class a pair that the final networks get right, and one they get wrong.

    From the dev part, which they were not fitted to. The drawing shows pictures
    of the data: it stays in the run folder.
    """
    joint, rows = trained(run).joint, run.folds[0].dev
    batch = run.store("cpu").batch(rows)
    with torch.inference_mode():
        said = joint.logits(batch)
        probs = torch.stack([said[name].softmax(-1) for name in NETWORKS]).mean(0).numpy()
    chosen = _instructive(probs, run.pairs.labels[rows])
    part = run.store("cpu").batch(rows[chosen])
    heats = {
        f"{kind} {name}": heat(joint, part, name)
        for name in NETWORKS
        for kind, heat in (("attention", attention), ("Grad-CAM", gradcam))
    }
    pictures, _ = prepared(run.pairs.select(rows[chosen]))
    captions = [_caption(run, int(rows[at]), probs[at]) for at in chosen]
    shown = [
        (pictures[n], {title: heat[n] for title, heat in heats.items()}, caption)
        for n, caption in enumerate(captions)
    ]
    figures.save_attention_maps(path, shown)


def _instructive(probs: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> list[int]:
    """Of each class the surest row that is right, and the surest that is wrong."""
    sure, guess = probs.max(axis=1), probs.argmax(axis=1)
    rows = [
        np.flatnonzero((labels == label) & ((guess == label) == right))
        for label in range(len(LABELS))
        for right in (True, False)
    ]
    return [int(found[sure[found].argmax()]) for found in rows if len(found)]


def _caption(run: Run, row: int, probs: npt.NDArray[np.float32]) -> str:
    label, guess = LABELS[run.pairs.labels[row]], LABELS[int(probs.argmax())]
    words = "".join(c if c.isascii() else "?" for c in run.pairs.texts[row][:60])
    safe = words.replace("$", "")  # matplotlib would set what stands between two as a formula
    return f"{label}; said {guess} {probs.max():.2f}\n{safe[:30]}\n{safe[30:]}"


def gradcam(joint: Joint, batch: Batch, head: str) -> Heat:
    """Heat (B, 7, 7), each scaled to 0..1, for the class that `head` gives each pair."""
    joint.eval()
    maps = batch.maps.float().requires_grad_(True)
    logits = joint.logits(batch._replace(maps=maps))[head]  # (B, 3)
    chosen = logits.gather(1, logits.argmax(1, keepdim=True)).sum()
    (slope,) = torch.autograd.grad(chosen, maps)
    weight = slope.mean((2, 3), keepdim=True)  # (B, C, 1, 1)
    heat = (weight * maps).sum(1).relu().detach()
    return _scaled(heat.numpy())


@torch.inference_mode()
def attention(joint: Joint, batch: Batch, head: str) -> Heat:
    """The head's attention on the regions as heat (B, 7, 7), each scaled to 0..1."""
    joint.eval()
    answer = joint.heads[head].answer(*joint.inputs(batch))  # type: ignore[operator]
    side = batch.maps.shape[-1]
    return _scaled(answer.region_attention.reshape(-1, side, side).float().cpu().numpy())


def _scaled(heat: npt.NDArray[np.float32]) -> Heat:
    low = heat.min(axis=(1, 2), keepdims=True)
    span = heat.max(axis=(1, 2), keepdims=True) - low
    return (heat - low).astype(np.float64) / np.maximum(span, 1e-9)
