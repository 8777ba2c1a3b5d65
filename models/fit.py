"""The training loop: heads and encoders on some rows, weights averaged, best epoch kept.

`fit` trains any set of heads together on one projection and one text encoder;
baselines, ablations and the shipped networks all go through it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.joint import Batch, Joint, LossConfig
from models.pretrain import schedule
from models.progress import Progress
from models.signature import PAD_ID

Rows = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Rates are those of the heads, the projection and the text encoder.

    Each step takes `batch` pairs and `tweets` tweets: text-only posts in their
    natural proportions, from which the mask of the missing picture learns.
    """

    epochs: int = 6
    batch: int = 64
    tweets: int = 24
    rate: float = 1e-3
    projection_rate: float = 5e-4
    encoder_rate: float = 3e-5
    weight_decay: float = 0.01
    warmup: float = 0.1
    average: float = 0.98
    drop_picture: float = 0.0
    drop_text: float = 0.1
    loss: LossConfig = field(default_factory=LossConfig)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that training reads, computed once: N pairs, then M tweets without picture.

    The text encoder's lower states are kept in half precision; None for GloVe.
    """

    maps: Tensor  # (N, C, 7, 7) float16
    tokens: Tensor  # (N + M, T) int64
    lower: Tensor | None  # (N + M, T, 384) float16
    labels: Tensor  # (N + M,)

    @property
    def pairs(self) -> int:
        return len(self.maps)

    def batch(self, rows: Rows, device: str = "cpu") -> Batch:
        """Rows from N on are tweets."""
        at = torch.from_numpy(rows)
        tokens = self.tokens[at]
        longest = int((tokens != PAD_ID).sum(1).max().clamp(min=1))
        lower = None if self.lower is None else self.lower[at, :longest]
        seen = (at < self.pairs).float().unsqueeze(1)
        maps = self.maps.new_zeros(len(rows), *self.maps.shape[1:])
        maps[at < self.pairs] = self.maps[at[at < self.pairs]]
        batch = Batch(maps, seen, tokens[:, :longest], lower, self.labels[at])
        return Batch(*(t if t is None else t.to(device) for t in batch))


def fit(
    model: Joint,
    store: Store,
    train: Rows,
    dev: Rows,
    config: FitConfig,
    what: str = "train",
    device: str = "cpu",
) -> tuple[Joint, list[dict[str, float]]]:
    """Train on `train`; returns the averaged model of the best dev epoch, and the curves."""
    torch.manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    model.to(device)
    average = copy.deepcopy(model).eval()
    optimiser = _optimiser(model, config)
    per_epoch = len(train) // config.batch
    rates = schedule(optimiser, config.epochs * per_epoch, config.warmup)
    bar = Progress(what, config.epochs * per_epoch)
    curves: list[dict[str, float]] = []
    best, kept = float("inf"), copy.deepcopy(average.state_dict())
    for epoch in range(config.epochs):
        model.train()
        for rows in _batches(store, train, config, random):
            batch = _augmented(store.batch(rows, device), config, random)
            loss = model.loss(batch, config.loss)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            rates.step()
            _average(average, model, config.average)
            bar.step(loss=float(loss.detach()))
        curves.append({"epoch": epoch + 1, **_measure(average, store, dev, device)})
        if curves[-1]["log_loss"] < best:
            best, kept = curves[-1]["log_loss"], copy.deepcopy(average.state_dict())
    average.load_state_dict(kept)
    return average, curves


def _optimiser(model: Joint, config: FitConfig) -> torch.optim.Optimizer:
    encoder = list(model.encoder.parameters())
    for name, parameter in model.encoder.named_parameters():
        lower = name.startswith("embeddings") or any(
            name.startswith(f"layers.{i}.") for i in range(model.frozen_layers)
        )
        parameter.requires_grad_(not (lower and model.encoder.dim == 384))
    return torch.optim.AdamW(
        [
            {"params": [p for p in encoder if p.requires_grad], "lr": config.encoder_rate},
            {"params": list(model.projection.parameters()), "lr": config.projection_rate},
            {"params": list(model.heads.parameters()), "lr": config.rate},
        ],
        weight_decay=config.weight_decay,
    )


def _batches(
    store: Store, train: Rows, config: FitConfig, random: np.random.Generator
) -> list[Rows]:
    """An epoch: posts of similar length together, which saves two fifths of the time."""
    count = len(train) // config.batch
    pairs = random.choice(train, count * config.batch, replace=False)
    tweets = np.arange(store.pairs, len(store.tokens))
    wanted = count * config.tweets
    some = random.choice(tweets, wanted, replace=wanted > len(tweets)) if len(tweets) else tweets
    parts = [_by_length(store, rows, random) for rows in (pairs, some)]
    batches = zip(*(np.array_split(part, count) for part in parts), strict=True)
    epoch = [np.concatenate(batch) for batch in batches]
    return [epoch[at] for at in random.permutation(count)]


def _by_length(store: Store, rows: Rows, random: np.random.Generator) -> Rows:
    """Sorted by how many tokens they have, give or take a few."""
    lengths = (store.tokens[torch.from_numpy(rows)] != PAD_ID).sum(1).numpy()
    ordered: Rows = rows[np.argsort(lengths + random.uniform(0, 4, len(rows)))]
    return ordered


def _augmented(batch: Batch, config: FitConfig, random: np.random.Generator) -> Batch:
    """Half the maps mirrored; some texts (and pictures) dropped: modality dropout."""
    count = len(batch.labels)
    flip = torch.from_numpy(random.random(count) < 0.5)
    maps = torch.where(flip[:, None, None, None], batch.maps.flip(3), batch.maps)
    no_text = torch.from_numpy(random.random(count) < config.drop_text) & (
        batch.has_image[:, 0] > 0
    )
    tokens = batch.tokens.masked_fill(no_text.unsqueeze(1), PAD_ID)
    keep = torch.from_numpy(random.random((count, 1)) >= config.drop_picture)
    return batch._replace(maps=maps, tokens=tokens, has_image=batch.has_image * keep)


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for ours, theirs in zip(average.parameters(), model.parameters(), strict=True):
        ours.lerp_(theirs, 1 - decay)


def _measure(model: Joint, store: Store, rows: Rows, device: str) -> dict[str, float]:
    """Accuracy of each head, and the mean log loss over the heads that choose the epoch."""
    labels = store.labels[torch.from_numpy(rows)]
    out: dict[str, float] = {}
    losses = []
    for name, probs in predict(model, store, rows, device).items():
        p = torch.from_numpy(probs)
        out[name] = float((p.argmax(1) == labels).float().mean())
        losses.append(float(F.nll_loss(p.clamp(min=1e-7).log(), labels)))
    return {**out, "log_loss": float(np.mean(losses))}


@torch.inference_mode()
def predict(
    model: Joint, store: Store, rows: Rows, device: str = "cpu"
) -> dict[str, Probabilities]:
    """Class probabilities of every head, {name: (N, 3)}, without temperature."""
    model.eval()
    out: dict[str, list[Probabilities]] = {name: [] for name in model.heads}
    for at in range(0, len(rows), 128):
        for name, logits in model.logits(store.batch(rows[at : at + 128], device)).items():
            out[name].append(logits.float().softmax(-1).cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in out.items()}
