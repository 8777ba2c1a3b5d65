"""The bar at its best: comparators trained on their own.

    python -m models.train --run runs/default --stage alone

In `models.train` the comparators share projection and training with the two
networks. Here each of the fusions is fitted alone, on the pooled outputs of the
encoders that the networks start from, and stops at its own best epoch. Seconds
a fit. The predictions join the run's as `<name>-alone`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from models.baselines import Baseline, BaselineConfig, build
from models.folds import Fold
from models.predictions import adjusted, class_shares, fit_temperature, scaled, write_part
from models.progress import Progress
from models.run import Run
from models.signature import PAD_ID

NAMES = ("later_fusion", "early_fusion", "deep_fusion", "ccr")
EPOCHS, BATCH, RATE, WEIGHT_DECAY = 14, 64, 1e-3, 0.01

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]
Rows = npt.NDArray[np.int64]


def pooled(run: Run) -> tuple[Inputs, Tensor]:
    """Every pair's mean region (N, 1, C) and mean word state (N, 1, D) as a baseline's inputs.

    A mean is all that these comparators take of either side: pooled once, a fit takes seconds.
    """
    store = run.store("cpu")
    assert store.lower is not None
    count, encoder = store.pairs, run.encoder().eval()
    maps = torch.cat([part.float().mean((2, 3)) for part in store.maps.split(256)]).unsqueeze(1)
    words = []
    with torch.inference_mode():
        for at in range(0, count, 128):
            tokens = store.tokens[at : min(at + 128, count)]
            lower = store.lower[at : at + len(tokens)].float()
            states = encoder.upper(lower, tokens, run.config.frozen_layers)
            mask = (tokens != PAD_ID).unsqueeze(-1)
            words.append((states * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(1))
    has_words = (store.tokens[:count] != PAD_ID).any(1, keepdim=True).long()
    inputs = (maps, torch.ones(count, 1), torch.cat(words).float(), has_words)
    return inputs, store.labels[:count]


def fitted(name: str, inputs: Inputs, labels: Tensor, fold: Fold, seed: int) -> Baseline:
    """One comparator, trained on the fold, at the epoch of least dev loss."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    config = BaselineConfig(name, channels=inputs[0].shape[-1], text_dim=inputs[2].shape[-1])
    net = build(config)
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    best, kept = float("inf"), copy.deepcopy(net.state_dict())
    for _ in range(EPOCHS):
        net.train()
        for rows in _batches(fold.train, random):
            optimiser.zero_grad()
            net.loss(_at(inputs, rows), labels[torch.from_numpy(rows)]).backward()
            optimiser.step()
        loss = float(F.cross_entropy(_said(net, inputs, fold.dev), labels[fold.dev]))
        if loss < best:
            best, kept = loss, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    return net


def _batches(train: Rows, random: np.random.Generator) -> Iterator[Rows]:
    order = random.permutation(train)
    yield from (order[at : at + BATCH] for at in range(0, len(order), BATCH))


def _at(inputs: Inputs, rows: Rows) -> Inputs:
    at = torch.from_numpy(rows)
    maps, has_image, states, tokens = (part[at] for part in inputs)
    return maps, has_image, states, tokens


@torch.inference_mode()
def _said(net: Baseline, inputs: Inputs, rows: Rows) -> Tensor:
    logits: Tensor = net.eval()(*_at(inputs, rows))
    return logits


def train(run: Run, _device: str = "cpu") -> None:
    """All folds and seeds of the run; what is there already is skipped.

    On the processor whatever the device is, and on one thread: the tensors are
    tiny, and threads would only wait for each other.
    """
    torch.set_num_threads(1)
    jobs = [(seed, number) for seed in range(run.config.seeds) for number in range(len(run.folds))]
    paths = {job: run.folder / "parts" / f"alone{job[1]}-seed{job[0]}.parquet" for job in jobs}
    jobs = [job for job in jobs if not paths[job].is_file()]
    if not jobs:
        return
    (run.folder / "parts").mkdir(exist_ok=True)
    inputs, labels = pooled(run)
    bar = Progress("comparators alone", len(jobs))
    for job in jobs:
        _tell(run, inputs, labels, job, paths[job])
        bar.step()


def _tell(run: Run, inputs: Inputs, labels: Tensor, job: tuple[int, int], path: Path) -> None:
    seed, number = job
    fold, truth = run.folds[number], labels.numpy()
    dev, test = {}, {}
    for name in NAMES:
        net = fitted(name, inputs, labels, fold, 1000 * seed + number)
        on_dev, on_test = (
            _said(net, inputs, rows).softmax(-1).numpy() for rows in (fold.dev, fold.test)
        )
        heat = fit_temperature(on_dev, truth[fold.dev])
        dev[f"{name}-alone"] = scaled(on_dev, heat)
        test[f"{name}-alone"] = adjusted(scaled(on_test, heat), class_shares(truth[fold.train]))
    for rows, said, split in ((fold.dev, dev, "dev"), (fold.test, test, "test")):
        out = path if split == "test" else path.with_name(f"{path.stem}-{split}.parquet")
        write_part(
            out, [run.pairs.ids[row] for row in rows], truth[rows], said, number, seed, split
        )
