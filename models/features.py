"""What training reads of the data, computed once and kept in the run folder.

Feature maps of every picture (half precision, about 0.5 GB for 4,000) and the
text encoder's lower states, which training leaves as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.backbone import BackboneConfig, build
from models.encoder import TextEncoder
from models.progress import Progress
from models.signature import PAD_ID

BATCH = 64
Pictures = npt.NDArray[np.uint8]


@torch.inference_mode()
def feature_maps(pictures: Pictures, config: BackboneConfig, device: str = "cpu") -> Tensor:
    """Backbone's maps of pictures (N, 224, 224, 3): (N, C, 7, 7) float16."""
    backbone = build(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    bar = Progress(f"feature maps ({config.name})", -(-len(pictures) // BATCH))
    out = []
    for at in range(0, len(pictures), BATCH):
        out.append(backbone(torch.from_numpy(pictures[at : at + BATCH]).to(device)).half().cpu())
        bar.step()
    return torch.cat(out).contiguous()


@torch.inference_mode()
def lower_states(encoder: TextEncoder, layers: int, tokens: Tensor, device: str = "cpu") -> Tensor:
    """States after the encoder's first `layers` layers: (N, T, 384) float16."""
    encoder = encoder.to(device).eval()
    bar = Progress("lower states", -(-len(tokens) // BATCH))
    out = torch.zeros(*tokens.shape, encoder.dim, dtype=torch.float16)
    order = (tokens != PAD_ID).sum(1).argsort()
    for at in range(0, len(tokens), BATCH):
        rows = order[at : at + BATCH]
        longest = int((tokens[rows] != PAD_ID).sum(1).max().clamp(min=1))
        with torch.autocast(device, torch.bfloat16):
            states = encoder.lower(tokens[rows, :longest].to(device), layers)
        out[rows, :longest] = states.half().cpu()
        bar.step()
    return out


def kept(path: Path, compute: Callable[[], Tensor]) -> Tensor:
    """The tensor at `path`; computed and kept there the first time.

    Written beside and renamed: an interrupted run leaves no half a file. Mapped, not read:
    several processes on the shares of a run hold it once.
    """
    if not path.is_file():
        partial = path.with_suffix(".partial")
        torch.save(compute(), partial)
        partial.rename(path)
    tensor: Tensor = torch.load(path, weights_only=True, mmap=True)
    return tensor
