"""The torch modules behind the ONNX files: each takes and gives what the signature says."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.backbone import Backbone, Projection
from models.encoder import TextEncoder
from models.parts import Answer
from models.predictions import ADJUSTMENT
from models.signature import MAX_TOKENS, PAD_ID


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
    """A network, calibrated: FEATURES, HAS_IMAGE, STATES, TOKENS -> four outputs.

    `prior` (3,) are the class shares that it learned from; posts with a picture get
    `models.predictions.adjusted`, here as an offset of the logits.
    """

    offset: Tensor

    def __init__(self, head: nn.Module, temperature: float, prior: Sequence[float]) -> None:
        super().__init__()
        self.head, self.temperature = head, temperature
        self.register_buffer("offset", -ADJUSTMENT * torch.tensor(prior).log())

    def forward(
        self, features: Tensor, has_image: Tensor, states: Tensor, tokens: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        answer: Answer = self.head.answer(features, has_image, states, tokens.long())
        return (
            (answer.logits / self.temperature + has_image * self.offset).softmax(-1),
            answer.word_attention,
            answer.region_attention,
            answer.picture_weight,
        )
