"""The stages of a training run; each leaves files in the run folder and skips what is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models import variants
from models.encoder import GloveEncoder
from models.fit import FitConfig, Store, fit, predict
from models.folds import Fold
from models.glove import glove_store
from models.joint import Joint
from models.predictions import (
    Probabilities,
    adjusted,
    class_shares,
    fit_temperature,
    join_parts,
    scaled,
    write_part,
)
from models.pretrain import pretrain
from models.run import Run
from models.signature import NETWORKS

Rows = npt.NDArray[np.int64]


def features(run: Run, device: str) -> None:
    """Feature maps of all pictures."""
    run.maps(device)


def text(run: Run, device: str) -> None:
    """The text encoder learns sentiment from tweets."""
    path = run.folder / "text.pt"
    if not path.is_file():
        train, dev = run.tweet_tokens("train"), run.tweet_tokens("dev")
        partial = path.with_suffix(".partial")
        best = pretrain(run.config.pretrain, train, dev, partial, device)
        (run.folder / "text.json").write_text(json.dumps(best) + "\n")
        partial.rename(path)


def all_folds(run: Run, device: str, share: tuple[int, int] = (1, 1)) -> None:
    """Every fold and seed, or the k-th of n shares; the ablations with the first seed."""
    jobs = [(seed, number) for seed in range(run.config.seeds) for number in range(len(run.folds))]
    mine, of = share
    jobs = [job for job in jobs[mine - 1 :: of] if not _part(run, "fold", job[1], job[0]).is_file()]
    if not jobs:
        return
    store = run.store(device)
    for seed, number in jobs:
        _one_fold(run, store, number, run.folds[number], seed, device)


def _one_fold(run: Run, store: Store, number: int, fold: Fold, seed: int, device: str) -> None:
    torch.manual_seed(1000 * seed + number)
    heads = variants.networks() | variants.comparators(_prior(store, fold.train))
    if seed == 0:
        heads |= variants.ablations()
    model = Joint(store.maps.shape[1], run.encoder(), heads, run.config.frozen_layers)
    held_back = _held_back(run, seed)
    _train_and_tell(run, store, model, (number, fold, seed), "fold", device, held_back)


def glove(run: Run, device: str) -> None:
    """The papers' own text side, with the first seed."""
    numbers = [n for n in range(len(run.folds)) if not _part(run, "glove", n, 0).is_file()]
    if not numbers:
        return
    store, table = glove_store(run.pairs, run.tweets, run.maps(device))
    for number in numbers:
        torch.manual_seed(number)
        encoder = GloveEncoder(table)
        model = Joint(store.maps.shape[1], encoder, variants.networks(encoder.dim, "-glove"))
        _train_and_tell(run, store, model, (number, run.folds[number], 0), "glove", device, None)


def _train_and_tell(
    run: Run,
    store: Store,
    model: Joint,
    which: tuple[int, Fold, int],
    kind: str,
    device: str,
    held_back: tuple[Store, list[str]] | None,
) -> None:
    """Fit on the fold, calibrate on its dev part, write what is said of the rest.

    What is said of the dev part is written without the adjustment, whose strength
    such parts choose.
    """
    number, fold, seed = which
    config = _seeded(run.config.fit, 1000 * seed + number)
    model, curves = fit(
        model, store, fold.train, fold.dev, config, f"{kind} {number} seed {seed}", device
    )
    dev = predict(model, store, fold.dev, device)
    labels = store.labels.numpy()
    heat = {name: fit_temperature(p, labels[fold.dev]) for name, p in dev.items()}
    path = _part(run, kind, number, seed)
    path.parent.mkdir(exist_ok=True)
    (path.with_suffix(".json")).write_text(json.dumps({"curves": curves, "temperatures": heat}))
    if held_back is not None:
        _tell_tweets(path, model, held_back, heat, (number, seed), device)
    ids = run.pairs.ids
    write_part(
        path.with_name(path.stem + "-dev.parquet"),
        [ids[row] for row in fold.dev], labels[fold.dev], _calibrated(dev, heat),
        number, seed, "dev",
    )  # fmt: skip
    prior = _prior(store, fold.train)
    test = _calibrated(predict(model, store, fold.test, device), heat)
    said = {name: adjusted(p, prior) for name, p in test.items()}
    write_part(path, [ids[row] for row in fold.test], labels[fold.test], said, number, seed, "test")


def _tell_tweets(
    path: Path,
    model: Joint,
    held_back: tuple[Store, list[str]],
    heat: dict[str, float],
    which: tuple[int, int],
    device: str,
) -> None:
    store, ids = held_back
    rows = np.arange(len(ids), dtype=np.int64)
    said = _calibrated(predict(model, store, rows, device), heat)
    wanted = {name: p for name, p in said.items() if name in (*NETWORKS, "text_only")}
    tweets = path.with_name(path.stem + "-tweets.parquet")
    write_part(tweets, ids, store.labels.numpy(), wanted, *which, "tweets")


def _held_back(run: Run, seed: int) -> tuple[Store, list[str]] | None:
    """The test tweets as a store without pairs; with the first seed alone."""
    if seed:
        return None
    tokens, labels = run.tweet_tokens("test")
    maps = torch.zeros(0, 1280, 7, 7, dtype=torch.float16)
    store = Store(maps, torch.from_numpy(tokens).long(), None, torch.from_numpy(labels))
    return store, [f"tweet-{row}" for row in range(len(labels))]


def final(run: Run, device: str) -> None:
    """The networks that ship: all pairs but a fold's dev part, which chooses the epoch."""
    path = run.folder / "final.pt"
    if path.is_file():
        return
    store, fold = run.store(device), run.folds[0]
    torch.manual_seed(0)
    rows = np.sort(np.concatenate([fold.train, fold.test]))
    heads = variants.networks() | variants.comparators(_prior(store, rows))
    model = Joint(store.maps.shape[1], run.encoder(), heads, run.config.frozen_layers)
    model, curves = fit(model, store, rows, fold.dev, run.config.fit, "final", device)
    dev, labels = predict(model, store, fold.dev, device), store.labels.numpy()[fold.dev]
    heat = {name: fit_temperature(dev[name], labels) for name in NETWORKS}
    told = {"curves": curves, "temperatures": heat, "prior": _prior(store, rows)}
    (run.folder / "final.json").write_text(json.dumps(told))
    partial = path.with_suffix(".partial")
    torch.save(model.state_dict(), partial)
    partial.rename(path)


def gather(run: Run) -> None:
    """`predictions.parquet` and `curves.json` from all parts that are there."""
    parts = sorted((run.folder / "parts").glob("*.parquet"))
    if parts:
        join_parts(parts, run.folder / "predictions.parquet")
        curves = {
            p.stem: json.loads(p.read_text()) for p in sorted((run.folder / "parts").glob("*.json"))
        }
        (run.folder / "curves.json").write_text(json.dumps(curves, indent=1) + "\n")


def _part(run: Run, kind: str, fold: int, seed: int) -> Path:
    return run.folder / "parts" / f"{kind}{fold}-seed{seed}.parquet"


def _prior(store: Store, rows: Rows) -> tuple[float, ...]:
    return class_shares(store.labels.numpy()[rows])


def _seeded(config: FitConfig, seed: int) -> FitConfig:
    return replace(config, seed=seed)


def _calibrated(said: dict[str, Probabilities], heat: dict[str, float]) -> dict[str, Probabilities]:
    return {name: scaled(p, heat[name]) for name, p in said.items()}
