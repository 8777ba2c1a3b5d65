"""Grad-CAM (Selvaraju et al. 2017) on the backbone's last feature map.

Where a change of the features would change the class that a network chose:
what the DMLANet paper draws in its figures 6 and 7, beside the network's own
attention on the regions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from models.joint import Batch, Joint

Heat = npt.NDArray[np.float64]


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
