"""Text side first: the encoder learns sentiment from tweets, before it meets pairs.

Tweets are text only and plenty (50,000), pairs are few (4,000). A tenth of the
tweets is held back for tests and another twentieth for choosing the epoch; the
texts of the pairs are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.encoder import TextEncoder, minilm
from models.progress import Progress
from models.signature import LABELS, PAD_ID

Labels = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """Two epochs are enough: the third only memorises (dev accuracy falls)."""

    epochs: int = 2
    batch: int = 64
    rate: float = 8e-5
    warmup: float = 0.06
    smoothing: float = 0.05
    seed: int = 0


class TextClassifier(nn.Module):
    """Encoder, mean of the word states, one linear layer: the text-only network."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(encoder.dim, len(LABELS))

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.head(self.dropout(mean_state(self.encoder(tokens), tokens)))
        return out


def mean_state(states: Tensor, tokens: Tensor) -> Tensor:
    """Mean over the tokens: (B, T, D) -> (B, D)."""
    mask = (tokens != PAD_ID).unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def trimmed(tokens: Tensor) -> Tensor:
    """Without the columns that are padding in every row."""
    longest = int((tokens != PAD_ID).sum(1).max().clamp(min=1))
    return tokens[:, :longest]


def bucketed(tokens: Tokens, batch: int, random: np.random.Generator) -> Iterator[Labels]:
    """Row numbers in batches of similar length: half the padding, half the time."""
    lengths = (tokens != PAD_ID).sum(1) + random.uniform(0, 4, len(tokens))
    rows = np.argsort(lengths)
    batches = [rows[at : at + batch] for at in range(0, len(rows), batch)]
    for index in random.permutation(len(batches)):
        yield batches[index]


def schedule(
    optimiser: torch.optim.Optimizer, steps: int, warmup: float
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear up over the first `warmup` share of the steps, then linear down to zero."""
    rise = max(1, int(steps * warmup))
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min((s + 1) / rise, max(0.0, (steps - s) / max(1, steps - rise)))
    )


def pretrain(
    config: PretrainConfig,
    train: tuple[Tokens, Labels],
    dev: tuple[Tokens, Labels],
    out: Path,
    device: str = "cpu",
) -> dict[str, float]:
    """Train, keep the epoch of highest dev accuracy in `out`; returns its metrics."""
    torch.manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    model = TextClassifier(minilm()).to(device)
    model.encoder.embeddings.words.requires_grad_(False)  # rare words keep their meaning
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=config.rate, weight_decay=0.01
    )
    steps = config.epochs * -(-len(train[0]) // config.batch)
    rates = schedule(optimiser, steps, config.warmup)
    best: dict[str, float] = {"accuracy": 0.0}
    bar = Progress("pretrain text", steps)
    for epoch in range(config.epochs):
        model.train()
        for rows in bucketed(train[0], config.batch, random):
            tokens = trimmed(torch.from_numpy(train[0][rows])).to(device)
            labels = torch.from_numpy(train[1][rows]).to(device)
            with torch.autocast(device, torch.bfloat16):
                loss = F.cross_entropy(model(tokens), labels, label_smoothing=config.smoothing)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            rates.step()
            bar.step(loss=float(loss.detach()))
        accuracy = float((predict(model, dev[0], device).argmax(1) == dev[1]).mean())
        bar.note(f"epoch {epoch + 1}: dev accuracy {accuracy:.4f}")
        if accuracy > best["accuracy"]:
            best = {"accuracy": accuracy, "epoch": float(epoch + 1)}
            torch.save(model.state_dict(), out)
    return best


@torch.inference_mode()
def predict(model: TextClassifier, tokens: Tokens, device: str = "cpu") -> npt.NDArray[np.float32]:
    """Class probabilities (N, 3)."""
    model.eval()
    order = np.argsort((tokens != PAD_ID).sum(1))
    out = np.zeros((len(tokens), len(LABELS)), np.float32)
    for at in range(0, len(order), 256):
        rows = order[at : at + 256]
        batch = trimmed(torch.from_numpy(tokens[rows])).to(device)
        with torch.autocast(device, torch.bfloat16):
            logits = model(batch)
        out[rows] = logits.float().softmax(1).cpu().numpy()
    return out
