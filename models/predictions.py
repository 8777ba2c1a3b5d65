"""`predictions.parquet`: what every variant said of rows it was not trained on.

One row a prediction,

    id, variant, fold, seed, split, label, p_negative, p_neutral, p_positive

where `split` is "test" for the test part of a fold, "dev" for its validation
part (not adjusted for rare classes: they choose how much), and "tweets" for
text-only tweets that were held back from training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data import DataError
from models.metrics import Ints, Reals
from models.signature import LABELS, NETWORKS

PREDICTIONS = "predictions.parquet"
COLUMNS = ("id", "variant", "fold", "seed", "split", "label", *(f"p_{name}" for name in LABELS))
TEST, DEV, TWEETS = "test", "dev", "tweets"
MEAN = "mean"
"""Of both networks: the product."""

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
TEMPERATURES = np.geomspace(0.4, 4.0, 60)
ADJUSTMENT = 0.25
"""Strength of the adjustment for rare classes, 0 (none) to 1 (as if all were equally frequent).

One for all variants, the bar among them. Chosen on the validation parts of the five folds:
the greatest accuracy of the mean of both networks (the evaluation's last table shows it)."""


def fit_temperature(probs: Probabilities, labels: Labels) -> float:
    """The temperature of least log loss (Guo et al. 2017), from a fine grid."""
    losses = [
        float(-np.log(scaled(probs, t)[np.arange(len(labels)), labels] + 1e-9).mean())
        for t in TEMPERATURES
    ]
    return float(TEMPERATURES[int(np.argmin(losses))])


def scaled(probs: Probabilities, temperature: float) -> Probabilities:
    """Probabilities as they are with all logits divided by `temperature`."""
    logits = np.log(np.clip(probs, 1e-7, 1.0)) / temperature
    raised = np.exp(logits - logits.max(1, keepdims=True))
    out: Probabilities = (raised / raised.sum(1, keepdims=True)).astype(np.float32)
    return out


def adjusted(
    probs: npt.NDArray[Any], prior: Sequence[float], strength: float = ADJUSTMENT
) -> Probabilities:
    """Probabilities (N, 3) with rare classes raised: p / prior^strength (Menon et al. 2021).

    `prior` (3,) are the class shares of the pairs in training. For posts with a
    picture alone: text-only posts are learned from tweets, where neutral is not rare.
    """
    raised = probs * np.asarray(prior, np.float64) ** -strength
    out: Probabilities = (raised / raised.sum(1, keepdims=True)).astype(np.float32)
    return out


def class_shares(labels: Labels) -> tuple[float, ...]:
    """Shares (3,) of the classes among `labels`."""
    counts = np.bincount(labels, minlength=len(LABELS))
    return tuple(float(share) for share in counts / counts.sum())


def write_part(
    path: Path,
    ids: list[str],
    labels: Labels,
    probs: dict[str, Probabilities],
    fold: int,
    seed: int,
    split: str,
) -> None:
    """One part file: all variants on these rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for variant, p in probs.items():
        count = len(ids)
        columns: dict[str, object] = {
            "id": ids,
            "variant": [variant] * count,
            "fold": [fold] * count,
            "seed": [seed] * count,
            "split": [split] * count,
            "label": labels,
        }
        columns |= {f"p_{name}": p[:, at] for at, name in enumerate(LABELS)}
        tables.append(pa.table(columns))
    partial = path.with_suffix(".partial")
    pq.write_table(pa.concat_tables(tables), partial)
    partial.rename(path)


def join_parts(parts: Iterable[Path], out: Path) -> int:
    """All parts as one file; returns the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables([pq.read_table(path) for path in sorted(parts)])
    pq.write_table(table, out, compression="zstd")
    return int(table.num_rows)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Rows of one variant, sorted by (seed, fold, id), so that variants line up."""

    ids: npt.NDArray[np.str_]
    folds: Ints
    seeds: Ints
    labels: Ints
    probs: Reals

    @property
    def predicted(self) -> Ints:
        classes: Ints = self.probs.argmax(axis=1)
        return classes

    def where(self, rows: npt.NDArray[Any]) -> Predictions:
        parts = (self.ids, self.folds, self.seeds, self.labels, self.probs)
        return Predictions(*(part[rows] for part in parts))

    def places(self) -> list[tuple[int, int, str]]:
        return list(zip(self.seeds.tolist(), self.folds.tolist(), self.ids.tolist(), strict=True))


Variants = dict[str, Predictions]


def load(run: Path) -> dict[str, Variants]:
    """Predictions of a run, by split and variant, with the mean of both networks."""
    import pyarrow.parquet as pq

    path = run / PREDICTIONS
    if not path.is_file():
        raise DataError(f"no {path}: train first (make train)")
    table = pq.read_table(path)
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise DataError(f"{path} has no column {missing[0]!r}")
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in COLUMNS}
    columns |= {name: columns[name].astype(str) for name in ("id", "variant", "split")}
    splits: dict[str, Variants] = {}
    for split in np.unique(columns["split"]):
        here, names = columns["split"] == split, columns["variant"]
        chosen = {
            n: _predictions(columns, here & (names == n), path) for n in np.unique(names[here])
        }
        splits[str(split)] = {str(name): rows for name, rows in chosen.items()}
    for variants in splits.values():
        if MEAN not in variants and all(name in variants for name in NETWORKS):
            variants[MEAN] = mean_of([variants[name] for name in NETWORKS])
    return splits


def _predictions(columns: dict[str, Any], rows: npt.NDArray[np.bool_], path: Path) -> Predictions:
    order = np.flatnonzero(rows)
    ids = columns["id"]
    order = order[np.lexsort((ids[order], columns["fold"][order], columns["seed"][order]))]
    probs = np.stack([columns[f"p_{name}"][order] for name in LABELS], axis=1).astype(np.float64)
    if not np.allclose(probs.sum(axis=1), 1, atol=1e-3):
        raise DataError(f"{path}: probabilities of {columns['variant'][order[0]]} do not sum to 1")
    probs /= probs.sum(axis=1, keepdims=True)
    labels = columns["label"][order]
    if labels.dtype.kind not in "iu":
        labels = np.array([LABELS.index(str(label)) for label in labels])
    folds, seeds = columns["fold"][order], columns["seed"][order]
    return Predictions(
        ids[order], folds.astype(np.int64), seeds.astype(np.int64), labels.astype(np.int64), probs
    )


def mean_of(parts: list[Predictions]) -> Predictions:
    """Their mean, row by row: what the product's label and score rest on."""
    first = parts[0]
    if any(part.places() != first.places() for part in parts):
        raise DataError("the networks were not evaluated on the same rows")
    probs = np.mean([part.probs for part in parts], axis=0)
    return Predictions(first.ids, first.folds, first.seeds, first.labels, probs)


def shared(a: Predictions, b: Predictions) -> tuple[Predictions, Predictions]:
    """Both on the rows that both have (a variant may lack some seeds)."""
    common = set(a.places()) & set(b.places())
    return a.where(among(a, common)), b.where(among(b, common))


def among(rows: Predictions, places: set[tuple[int, int, str]]) -> npt.NDArray[np.bool_]:
    """Which rows stand at one of these places."""
    return np.array([place in places for place in rows.places()], dtype=bool)
