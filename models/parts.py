"""What both networks are made of: their answer, masked softmax, the word reader."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Answer(NamedTuple):
    """What a network says of a batch, and why."""

    logits: Tensor  # (B, 3)
    word_attention: Tensor  # (B, T), sums to 1; 0 without words
    region_attention: Tensor  # (B, 49), sums to 1; 0 without a picture
    picture_weight: Tensor  # (B, 1), 0..1
    alone: tuple[Tensor, Tensor]  # logits of the words alone, of the picture alone (B, 3)
    embeddings: tuple[Tensor, Tensor]  # picture and words in the common space (B, D)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis where `mask` is 1; all zero where it is 0 everywhere."""
    largest = scores.masked_fill(mask == 0, -1e4).amax(-1, keepdim=True).detach()
    weights = (scores - largest).clamp(-60, 0).exp() * mask
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-9)


class Reader(nn.Module):
    """LSTM over the words, one way (DMLANet) or both (RNN-CA): (B, T, D) -> (B, T, hidden).

    The way back starts at each text's last word, not at the padding, so that a
    text reads the same whatever it is batched with.
    """

    def __init__(self, dim: int, hidden: int, both_ways: bool) -> None:
        super().__init__()
        width = hidden // 2 if both_ways else hidden
        self.onward = nn.LSTM(dim, width, batch_first=True)
        self.back = nn.LSTM(dim, width, batch_first=True) if both_ways else None

    def forward(self, states: Tensor, tokens: Tensor) -> Tensor:
        onward: Tensor = self.onward(states)[0]
        if self.back is None:
            return onward
        turn = _turned(tokens)
        back: Tensor = _reorder(self.back(_reorder(states, turn))[0], turn)
        return torch.cat([onward, back], -1)


def _turned(tokens: Tensor) -> Tensor:
    """Position of the token that stands at i in the reversed text (padding stays): (B, T)."""
    at = torch.arange(tokens.shape[1], device=tokens.device)
    last = (tokens != 0).long().sum(1, keepdim=True) - 1
    return torch.where(at <= last, last - at, at.expand_as(tokens))


def _reorder(states: Tensor, order: Tensor) -> Tensor:
    return states.gather(1, order.unsqueeze(-1).expand(-1, -1, states.shape[-1]))
