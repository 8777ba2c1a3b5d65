"""DMLANet: deep multi-level attentive network (Yadav & Vishwakarma, eqs. 1-3 and on).

Channel and spatial attention over the feature map, semantic attention of the
regions over the words, self-attention over the joint features, softmax.
Choices of ours, where the paper leaves them open, are marked "choice".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.encoder import word_mask
from models.parts import Answer, Reader, masked_softmax
from models.signature import CHANNELS, LABELS, REGIONS, TEXT_DIM

SIDE = 7


@dataclass(frozen=True, slots=True)
class DmlaNetConfig:
    """The three switches at the end are the paper's ablations."""

    text_dim: int = TEXT_DIM
    hidden: int = 128
    reduction: int = 8
    classes: int = len(LABELS)
    dropout: float = 0.3
    channel_spatial: bool = True
    semantic: bool = True
    self_attention: bool = True


class ChannelAttention(nn.Module):
    """Eq. 1: A_c = ReLU(W1(W0(MaxPool(M))) + W1(W0(AvgPool(M)))), F = M * A_c."""

    def __init__(self, reduction: int) -> None:
        super().__init__()
        self.w0 = nn.Linear(CHANNELS, CHANNELS // reduction)
        self.w1 = nn.Linear(CHANNELS // reduction, CHANNELS)
        nn.init.constant_(self.w1.bias, 0.5)  # both terms add up to a gate of 1 at first

    def forward(self, m: Tensor) -> Tensor:
        gate = torch.relu(self._perceptron(m.amax(1)) + self._perceptron(m.mean(1)))  # (B, C)
        return m * gate.unsqueeze(1)

    def _perceptron(self, pooled: Tensor) -> Tensor:
        out: Tensor = self.w1(torch.relu(self.w0(pooled)))
        return out


class SpatialAttention(nn.Module):
    """Eq. 2: A_s = ReLU(Conv7x7([AvgPool_c(F); MaxPool_c(F)])); eq. 3: v_f = F * A_s (choice)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)
        nn.init.constant_(self.conv.bias, 1.0)  # type: ignore[arg-type]

    def forward(self, f: Tensor) -> Tensor:
        pooled = torch.stack([f.mean(2), f.amax(2)], 1)  # (B, 2, 49)
        gate = torch.relu(self.conv(pooled.reshape(-1, 2, SIDE, SIDE)))  # (B, 1, 7, 7)
        return f * gate.reshape(-1, REGIONS, 1)


class SemanticAttention(nn.Module):
    """m_f = tanh(W(v_f * t_f)), alpha = softmax(m_f), s_f = sum of alpha t_f.

    Choice: every region i meets every word j, W maps their product to one
    number, so m_ij = tanh(sum_d w_d v_id t_jd); the softmax runs over the words.
    tanh bounds m to [-1, 1], which could not single a word out of twenty: a
    learned scale (choice) lets it.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(dim) * dim**-0.5)
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, v: Tensor, t: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """v (B, 49, D), t (B, T, D), mask (B, T) -> s (B, 49, D), alpha (B, 49, T)."""
        m = torch.tanh((v * self.w) @ t.transpose(1, 2))  # (B, 49, T)
        alpha = masked_softmax(self.scale * m, mask.unsqueeze(1))
        return alpha @ t, alpha


class SelfAttention(nn.Module):
    """upsilon = softmax(phi(W J_f + b)) over the regions; phi is tanh, scaled (choice)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.w = nn.Linear(dim, 1)
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, j: Tensor) -> Tensor:
        return (self.scale * torch.tanh(self.w(j).squeeze(-1))).softmax(-1)  # (B, 49)


class DmlaNet(nn.Module):
    """features (B, 49, 256), has_image (B, 1), states (B, T, D), tokens (B, T) -> logits."""

    def __init__(self, config: DmlaNetConfig = DmlaNetConfig()) -> None:
        super().__init__()
        self.config, dim = config, config.hidden
        self.channel = ChannelAttention(config.reduction)
        self.spatial = SpatialAttention()
        self.to_v = nn.Linear(CHANNELS, dim)  # choice: regions and words meet in `dim` dimensions
        self.reader = Reader(config.text_dim, dim, both_ways=False)
        self.semantic = SemanticAttention(dim)
        self.self_attention = SelfAttention(2 * dim)
        self.dropout = nn.Dropout(config.dropout)
        # The softmax classifier over (s, v), as two halves: their sum is the same.
        self.classify_text = nn.Linear(dim, config.classes)
        self.classify_picture = nn.Linear(dim, config.classes)
        self.no_picture = nn.Parameter(torch.randn(dim) * 0.1)  # learned masks
        self.no_text = nn.Parameter(torch.randn(dim) * 0.1)

    def forward(
        self, features: Tensor, has_image: Tensor, states: Tensor, tokens: Tensor
    ) -> Tensor:
        return self.answer(features, has_image, states, tokens).logits

    def answer(self, features: Tensor, has_image: Tensor, states: Tensor, tokens: Tensor) -> Answer:
        """Logits and what was attended to."""
        words = word_mask(tokens)
        has_text = words.amax(1, keepdim=True)  # (B, 1)
        v = self._regions(features, has_image)  # (B, 49, D)
        s, alpha = self._meaning(v, self.reader(states, tokens), words, has_text)
        upsilon = self._regions_that_matter(torch.cat([s, v], -1))  # (B, 49)
        text = self._sum(upsilon, s)
        picture = self._sum(upsilon, v)
        by_text = self.classify_text(self.dropout(text))
        by_picture = self.classify_picture(self.dropout(picture))
        return Answer(
            by_text + by_picture,
            self._sum(upsilon, alpha),
            upsilon * has_image,
            _share(by_picture, by_text) * has_image * has_text + has_image * (1 - has_text),
            (by_text, by_picture),
            (picture, text),
        )

    def _regions(self, m: Tensor, has_image: Tensor) -> Tensor:
        if self.config.channel_spatial:
            m = self.spatial(self.channel(m))
        v = torch.tanh(self.to_v(m))
        seen = has_image.unsqueeze(-1)  # (B, 1, 1)
        return v * seen + self.no_picture * (1 - seen)

    def _meaning(
        self, v: Tensor, t: Tensor, words: Tensor, has_text: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.config.semantic:
            s, alpha = self.semantic(v, t, words)
        else:  # ablated: every word counts the same for every region
            even = words / words.sum(1, keepdim=True).clamp(min=1)
            alpha = even.unsqueeze(1).expand(-1, REGIONS, -1)
            s = alpha @ t
        read = has_text.unsqueeze(-1)
        return s * read + self.no_text * (1 - read), alpha

    def _regions_that_matter(self, joint: Tensor) -> Tensor:
        if self.config.self_attention:
            out: Tensor = self.self_attention(joint)
            return out
        return torch.full_like(joint[:, :, 0], 1 / REGIONS)

    @staticmethod
    def _sum(weights: Tensor, of: Tensor) -> Tensor:
        """Weighted sum over the regions: (B, 49), (B, 49, K) -> (B, K)."""
        return (weights.unsqueeze(1) @ of).squeeze(1)


def _share(ours: Tensor, theirs: Tensor) -> Tensor:
    """How much of the logits' spread comes from `ours`: exact, as the classifier is linear."""
    a = (ours - ours.mean(1, keepdim=True)).abs().sum(1, keepdim=True)
    b = (theirs - theirs.mean(1, keepdim=True)).abs().sum(1, keepdim=True)
    return a / (a + b).clamp(min=1e-6)
