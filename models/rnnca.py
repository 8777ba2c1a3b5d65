"""RNN-CA Embedding (Zhu, Cao et al., MMM 2019), reconstructed from its description.

A bidirectional RNN reads the words, h_j = [->h_j; <-h_j]; a cross-modality
attention weighs the picture and each word against each other; a ranking loss
brings picture and text into one space. The equations here are ours:

    z_0 = W_v v,  z_j = W_h h_j,  beta = softmax(u^T tanh(W z)) over picture and words
    joint = sum of beta z;  beta_0 is the weight of the picture
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.encoder import word_mask
from models.parts import Answer, Reader, masked_softmax
from models.signature import CHANNELS, LABELS, TEXT_DIM


@dataclass(frozen=True, slots=True)
class RnnCaConfig:
    """`attention` off is RNN Embedding, `embedding` off RNN-CA, both on RNN-CA Embedding."""

    text_dim: int = TEXT_DIM
    hidden: int = 128
    classes: int = len(LABELS)
    dropout: float = 0.3
    margin: float = 0.2
    attention: bool = True
    embedding: bool = True


class CrossModalAttention(nn.Module):
    """beta = softmax(u^T tanh(W z)) over the picture (first) and the words."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.w = nn.Linear(dim, dim)
        self.u = nn.Linear(dim, 1, bias=False)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (B, 1 + T, D), mask (B, 1 + T) -> beta (B, 1 + T)."""
        return masked_softmax(self.u(torch.tanh(self.w(z))).squeeze(-1), mask)


class RnnCa(nn.Module):
    """features (B, 49, 256), has_image (B, 1), states (B, T, D), tokens (B, T) -> logits."""

    def __init__(self, config: RnnCaConfig = RnnCaConfig()) -> None:
        super().__init__()
        self.config, dim = config, config.hidden
        self.reader = Reader(config.text_dim, dim, both_ways=True)
        self.ask = nn.Linear(dim, CHANNELS)
        self.w_v = nn.Linear(CHANNELS, dim)
        self.w_h = nn.Linear(dim, dim)
        self.attention = CrossModalAttention(dim)
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(dim, config.classes)
        self.no_picture = nn.Parameter(torch.zeros(dim))  # learned masks
        self.no_text = nn.Parameter(torch.zeros(dim))

    def forward(
        self, features: Tensor, has_image: Tensor, states: Tensor, tokens: Tensor
    ) -> Tensor:
        return self.answer(features, has_image, states, tokens).logits

    def answer(self, features: Tensor, has_image: Tensor, states: Tensor, tokens: Tensor) -> Answer:
        """Logits and what was attended to."""
        words = word_mask(tokens)
        has_text = words.amax(1, keepdim=True)
        h = self.reader(states, tokens)  # (B, T, D)
        gamma = self._look(features, h, words) * has_image  # (B, 49)
        z0 = self.w_v(gamma.unsqueeze(1) @ features)  # (B, 1, D)
        z = torch.cat([z0, self.w_h(h)], 1)  # (B, 1 + T, D)
        beta = self._weigh(z, torch.cat([has_image, words], 1))
        missing = self.no_picture * (1 - has_image) + self.no_text * (1 - has_text)
        joint = (beta.unsqueeze(1) @ z).squeeze(1) + missing
        of_words = beta[:, 1:] / beta[:, 1:].sum(1, keepdim=True).clamp(min=1e-9)
        text = (of_words.unsqueeze(1) @ z[:, 1:]).squeeze(1)
        return Answer(
            self.classify(self.dropout(joint)),
            of_words,
            gamma,
            beta[:, :1],
            (self.classify(self.dropout(text)), self.classify(self.dropout(z0.squeeze(1)))),
            (z0.squeeze(1), text),
        )

    def _look(self, features: Tensor, h: Tensor, words: Tensor) -> Tensor:
        """Weights of the regions that make up v (choice: what the text's mean asks for)."""
        if not self.config.attention:
            return torch.full_like(features[:, :, 0], 1 / features.shape[1])
        mean = (words.unsqueeze(1) @ h).squeeze(1) / words.sum(1, keepdim=True).clamp(min=1)
        scores = (features @ self.ask(mean).unsqueeze(-1)).squeeze(-1) * CHANNELS**-0.5
        return scores.softmax(-1)

    def _weigh(self, z: Tensor, mask: Tensor) -> Tensor:
        if self.config.attention:
            out: Tensor = self.attention(z, mask)
            return out
        # Ablated: picture and text count half each, every word the same.
        picture, words = mask[:, :1], mask[:, 1:]
        even = words / words.sum(1, keepdim=True).clamp(min=1)
        both = torch.cat([picture, even], 1)
        return both / both.sum(1, keepdim=True).clamp(min=1e-9)


def ranking_loss(picture: Tensor, text: Tensor, margin: float) -> Tensor:
    """Image-text ranking: a pair is nearer (cosine) than either side with a stranger."""
    near = F.normalize(picture, dim=1) @ F.normalize(text, dim=1).T  # (B, B)
    own = near.diagonal()
    others = 1 - torch.eye(len(near), device=near.device)
    by_picture = (margin + near - own.unsqueeze(1)).clamp(min=0) * others
    by_text = (margin + near - own.unsqueeze(0)).clamp(min=0) * others
    return (by_picture.sum() + by_text.sum()) / others.sum().clamp(min=1)
