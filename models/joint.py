"""Encoders and networks as one module, so that they can be trained together.

    maps (B, C, 7, 7)  --projection-->  features (B, 49, 256)  \
                                                                 every head -> logits
    tokens (B, T)      --text encoder-->  states (B, T, D)      /

A head is any module with forward(features, has_image, states, tokens) -> logits.
DMLANet and RNN-CA give an `Answer` besides, whose parts feed auxiliary losses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.backbone import Projection
from models.dmlanet import DmlaNet
from models.encoder import GloveEncoder, TextEncoder
from models.rnnca import RnnCa, ranking_loss
from models.signature import PAD_ID


class Batch(NamedTuple):
    """Inputs and labels of B pairs; `lower` are the text encoder's cached lower states."""

    maps: Tensor  # (B, C, 7, 7)
    has_image: Tensor  # (B, 1)
    tokens: Tensor  # (B, T)
    lower: Tensor | None  # (B, T, 384), None: computed from the tokens
    labels: Tensor  # (B,)


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the parts of the loss. `smoothing`: the labels are one annotator's."""

    smoothing: float = 0.1
    unimodal: float = 0.3
    ranking: float = 0.1


class Joint(nn.Module):
    """Shared projection and text encoder, and the heads that read them."""

    def __init__(
        self,
        channels: int,
        encoder: TextEncoder | GloveEncoder,
        heads: dict[str, nn.Module],
        frozen_layers: int = 6,
    ) -> None:
        super().__init__()
        self.projection = Projection(channels)
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.frozen_layers = frozen_layers

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """features (B, 49, 256), states (B, T, D), both float32."""
        features = self.projection(batch.maps.float()).float()
        if isinstance(self.encoder, GloveEncoder):
            return features, self.encoder(batch.tokens)
        return features, self._by_length(batch)

    def _by_length(self, batch: Batch) -> Tensor:
        """States, the shorter half of the texts apart from the longer: a third less work."""
        lengths = (batch.tokens != PAD_ID).sum(1)
        order = lengths.argsort()
        states = []
        for rows in order.chunk(2):
            longest = int(lengths[rows].max().clamp(min=1))
            part = self._states(batch, rows, longest)
            states.append(F.pad(part, (0, 0, 0, batch.tokens.shape[1] - longest)))
        return torch.cat(states)[order.argsort()]

    def _states(self, batch: Batch, rows: Tensor, longest: int) -> Tensor:
        tokens = batch.tokens[rows, :longest]
        encoder = self.encoder
        assert isinstance(encoder, TextEncoder)
        if batch.lower is None:
            return encoder(tokens).float()  # type: ignore[no-any-return]
        lower = batch.lower[rows, :longest].float()
        return encoder.upper(lower, tokens, self.frozen_layers).float()

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What a head reads: features, has_image, states, tokens."""
        with torch.autocast(batch.tokens.device.type, torch.bfloat16):
            features, states = self.encode(batch)
        return features, batch.has_image, states, batch.tokens

    def logits(self, batch: Batch) -> dict[str, Tensor]:
        """Logits of every head, {name: (B, 3)}."""
        inputs = self.inputs(batch)
        return {name: head(*inputs) for name, head in self.heads.items()}

    def loss(self, batch: Batch, config: LossConfig) -> Tensor:
        """Mean over the heads of each one's own loss, in bfloat16: a third less time."""
        inputs = self.inputs(batch)
        with torch.autocast(batch.tokens.device.type, torch.bfloat16):
            parts = [head_loss(head, inputs, batch.labels, config) for head in self.heads.values()]
        return torch.stack(parts).float().mean()


def head_loss(
    head: nn.Module, inputs: tuple[Tensor, ...], labels: Tensor, config: LossConfig
) -> Tensor:
    """A comparator's own loss, on pairs alone; the two networks' on posts of every kind.

    The networks have learned masks for what is missing, the comparators have not.
    """
    pictured = inputs[1][:, 0].bool()
    if not isinstance(head, DmlaNet | RnnCa):
        loss: Tensor = head.loss(tuple(x[pictured] for x in inputs), labels[pictured])
        return loss
    answer = head.answer(*inputs)
    loss = entropy(answer.logits, labels, config)
    if not pictured.any():
        return loss
    alone = [entropy(x[pictured], labels[pictured], config) for x in answer.alone]
    loss = loss + config.unimodal * torch.stack(alone).sum()
    if isinstance(head, RnnCa) and head.config.embedding:
        picture, text = (x[pictured] for x in answer.embeddings)
        loss = loss + config.ranking * ranking_loss(picture, text, head.config.margin)
    return loss


def entropy(logits: Tensor, labels: Tensor, config: LossConfig) -> Tensor:
    """Cross-entropy with smoothed labels."""
    return F.cross_entropy(logits, labels, label_smoothing=config.smoothing)
