"""What training reads of the data, computed once and kept in the run folder's cache.

Feature maps of every picture (half precision, about 0.5 GB for 4,000), tokens
of pairs and tweets, the text encoder's lower states. Each file is named after
what it depends on, so that a changed backbone or encoder is computed anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.backbone import BackboneConfig, build
from models.encoder import TextEncoder
from models.progress import Progress

Pictures = npt.NDArray[np.uint8]


def cached(folder: Path, name: str, *depends: object) -> Path:
    """Where the tensor `name` is kept, for these circumstances."""
    key = hashlib.sha256(repr(depends).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}-{key}.pt"


def save(tensor: Tensor, path: Path) -> Tensor:
    """Written beside and renamed, so that an interrupted run leaves no half a file."""
    partial = path.with_suffix(".partial")
    torch.save(tensor, partial)
    partial.rename(path)
    return tensor


@torch.inference_mode()
def feature_maps(
    pictures: Pictures, config: BackboneConfig, folder: Path, device: str = "cpu"
) -> Tensor:
    """Backbone's maps of pictures (N, 224, 224, 3): (N, C, 7, 7) float16."""
    digest = hashlib.sha256(pictures).hexdigest()
    path = cached(folder, "maps", config, digest)
    if path.is_file():
        return _load(path)
    backbone = build(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    bar = Progress(f"feature maps ({config.name})", -(-len(pictures) // 64))
    out = []
    for at in range(0, len(pictures), 64):
        out.append(backbone(torch.from_numpy(pictures[at : at + 64]).to(device)).half().cpu())
        bar.step()
    return save(torch.cat(out).contiguous(), path)


@torch.inference_mode()
def lower_states(
    encoder: TextEncoder, layers: int, tokens: Tensor, folder: Path, device: str = "cpu"
) -> Tensor:
    """States after the encoder's first `layers` layers: (N, T, 384) float16."""
    weights = hashlib.sha256()
    for parameter in encoder.parameters():
        weights.update(parameter.detach().cpu().numpy().tobytes())
    digest = hashlib.sha256(tokens.numpy().tobytes()).hexdigest()
    path = cached(folder, "states", layers, weights.hexdigest(), digest)
    if path.is_file():
        return _load(path)
    encoder = encoder.to(device).eval()
    bar = Progress("lower states", -(-len(tokens) // 128))
    out = torch.zeros(*tokens.shape, encoder.dim, dtype=torch.float16)
    order = (tokens != 0).sum(1).argsort()
    for at in range(0, len(tokens), 128):
        rows = order[at : at + 128]
        longest = int((tokens[rows] != 0).sum(1).max().clamp(min=1))
        with torch.autocast(device, torch.bfloat16):
            states = encoder.lower(tokens[rows, :longest].to(device), layers)
        out[rows, :longest] = states.half().cpu()
        bar.step()
    return save(out, path)


def _load(path: Path) -> Tensor:
    tensor: Tensor = torch.load(path, weights_only=True, mmap=True)
    return tensor
