"""Every table and figure of the networks, from a run's predictions (`make evaluate`).

Reads `<run>/predictions.parquet`, written by training: one row per prediction,

    id, variant, fold, seed, split, label, p_negative, p_neutral, p_positive

where `split` is "test" for the test part of a fold, and "tweets" for text-only
tweets that were held back from training. Writes `evaluation.json`,
`EVALUATION.md` and PNG files into `<run>/evaluation` and `models/reports`.
What a run did not train is missing from the tables; nothing is filled in.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from models import metrics
from models.data import DataError, load_tweets
from models.metrics import Ints, Reals
from models.signature import LABELS, NETWORKS

REPORTS = Path(__file__).parent / "reports"
PREDICTIONS = "predictions.parquet"
COLUMNS = ("id", "variant", "fold", "seed", "split", "label", *(f"p_{name}" for name in LABELS))

EXAMPLES = "gradcam.png"
"""Shows pictures of the data, which stay out of the reports: the run folder has it."""

MEAN = "mean"
BARS = ("later_fusion", "later_fusion-alone")
"""Late fusion trained beside the networks, and on its own: the better of both is the bar."""
TEXT, PICTURE = "text_only", "picture_only"
TEST, TWEETS = "test", "tweets"


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
    return a.where(_among(a, common)), b.where(_among(b, common))


def _among(rows: Predictions, places: set[tuple[int, int, str]]) -> npt.NDArray[np.bool_]:
    return np.array([place in places for place in rows.places()], dtype=bool)


def scores(rows: Predictions) -> dict[str, Any]:
    """Pooled figures, their spread over folds and seeds, their bootstrap intervals."""
    runs = sorted(set(zip(rows.seeds.tolist(), rows.folds.tolist(), strict=True)))
    each = [rows.where((rows.seeds == seed) & (rows.folds == fold)) for seed, fold in runs]
    out = metrics.summary(rows.labels, rows.probs)
    out["runs"] = len(runs)
    out["seeds"], out["folds"] = len(set(rows.seeds.tolist())), len(set(rows.folds.tolist()))
    for name, figure in FIGURES.items():
        values = [figure(metrics.confusion(run.labels, run.predicted)) for run in each]
        low, high = metrics.bootstrap(rows.ids, rows.labels, rows.predicted, figure)
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        out[f"{name}_over_runs"] = {"mean": float(np.mean(values)), "spread": spread}
        out[f"{name}_interval"] = [low, high]
    return out


FIGURES = {
    "accuracy": metrics.accuracy,
    "weighted_f1": metrics.weighted_f1,
    "macro_f1": metrics.macro_f1,
}


def against(ours: Predictions, theirs: Predictions) -> dict[str, Any]:
    """Accuracy of `ours` less that of `theirs` on the rows both have."""
    a, b = shared(ours, theirs)
    gain, (low, high) = metrics.difference(a.ids, a.labels, a.predicted, b.predicted)
    return {"n": len(a.ids), "gain": gain, "interval": [low, high]}


def opposites(variants: Variants) -> dict[str, Any]:
    """The slides' test: pairs whose words and picture say opposite things.

    Our own text-only and picture-only networks judge that; positive against
    negative, on pairs of either label.
    """
    if TEXT not in variants or PICTURE not in variants:
        return {}
    text, picture = shared(variants[TEXT], variants[PICTURE])
    polar = text.labels != LABELS.index("neutral")
    rows = polar & metrics.opposite(text.probs, picture.probs)
    chosen = {place for place, keep in zip(text.places(), rows.tolist(), strict=True) if keep}
    out: dict[str, Any] = {"n": len(chosen), "share": len(chosen) / max(int(polar.sum()), 1)}
    for name, predictions in variants.items():
        here = predictions.where(_among(predictions, chosen))
        if len(here.ids):
            positive = here.probs[:, metrics.POSITIVE] > here.probs[:, metrics.NEGATIVE]
            right = positive == (here.labels == metrics.POSITIVE)
            out.setdefault("accuracy", {})[name] = float(right.mean())
    return out


def natural(variants: Variants, learned: Reals) -> dict[str, Any]:
    """Text-only tweets: recall per class, error of the negative share.

    At natural proportions, and when the mood moves (5 to 50 % negative).
    `learned` (3,) are the class shares of the tweets in training. Error rates for
    the adjusted count come from half of the tweets, samples from the other half.
    """
    out = {}
    for name, rows in variants.items():
        known = np.array([crc32(each.encode()) % 2 == 0 for each in rows.ids], dtype=bool)
        told = (rows.labels, rows.probs, known, learned)
        out[name] = {
            **metrics.summary(rows.labels, rows.probs),
            "negative_share": metrics.share_errors(*told),
            "negative_share_moved": metrics.share_errors(*told, moved=(0.05, 0.5)),
        }
    return out


def the_bar(test: dict[str, Any]) -> str | None:
    """The late fusion of highest accuracy; None where a run has none."""
    there = [name for name in BARS if name in test]
    return max(there, key=lambda name: float(test[name]["accuracy"]), default=None)


def evaluate(splits: dict[str, Variants]) -> dict[str, Any]:
    """All tables, ready for JSON."""
    test = splits.get(TEST, {})
    out: dict[str, Any] = {"test": {name: scores(rows) for name, rows in test.items()}}
    if bar := the_bar(out["test"]):
        out["bar"] = bar
        out["against_late_fusion"] = {
            name: against(rows, test[bar]) for name, rows in test.items() if name != bar
        }
    out["ablations"] = {
        name: against(rows, test[network])
        for network in NETWORKS
        for name, rows in test.items()
        if network in test and name.startswith(f"{network}-")
    }
    out["opposite_sentiment"] = opposites(test)
    if TWEETS in splits:
        _, labels = load_tweets().part("train")
        learned = np.bincount(labels, minlength=len(LABELS)) / len(labels)
        out["tweets"] = natural(splits[TWEETS], learned)
    return out


def write(results: dict[str, Any], splits: dict[str, Variants], folder: Path) -> None:
    """`evaluation.json`, `EVALUATION.md` and the PNG files."""
    from models import figures, report

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(_rounded(results), indent=1) + "\n")
    (folder / "EVALUATION.md").write_text(report.markdown(results))
    test = splits.get(TEST, {})
    shown = (*NETWORKS, MEAN, results.get("bar"))
    drawn = {n: (test[n].labels, test[n].probs) for n in shown if n in test}
    if drawn:
        figures.save_calibration(folder / "calibration.png", drawn)
        figures.save_confusions(folder / "confusion.png", drawn)
    for name, (labels, probs) in drawn.items():
        figures.save_curves(folder / f"curves_{name}.png", labels, probs, name)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description="Evaluate a training run.")
    parser.add_argument("--run", type=Path, required=True, help="the run's folder")
    parser.add_argument("--reports", type=Path, default=REPORTS, help="copied here, too")
    options = parser.parse_args()
    try:
        splits = load(options.run)
    except DataError as error:
        sys.exit(str(error))
    folder = options.run / "evaluation"
    write(evaluate(splits), splits, folder)
    options.reports.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.name != EXAMPLES:
            shutil.copy(file, options.reports / file.name)
    print((folder / "EVALUATION.md").read_text())
    if (options.run / "final.pt").is_file():
        _examples(options.run, folder / EXAMPLES)


def _examples(run: Path, path: Path) -> None:
    from models.gradcam import save_examples
    from models.run import Run

    save_examples(Run.existing(run), path)
    print(f"Grad-CAM beside the networks' attention: {path}")


if __name__ == "__main__":
    main()
