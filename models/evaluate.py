"""Every table and figure of the networks, from a run's predictions (`make evaluate`).

Reads `<run>/predictions.parquet` (`models.predictions`), written by training. Writes
`evaluation.json`, `EVALUATION.md` and PNG files into `<run>/evaluation` and `models/reports`.
What a run did not train is missing from the tables; nothing is filled in.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from models import metrics
from models.data import DataError, load_tweets
from models.metrics import Reals
from models.predictions import (
    DEV,
    MEAN,
    TEST,
    TWEETS,
    Predictions,
    Variants,
    adjusted,
    among,
    class_shares,
    load,
    shared,
)
from models.signature import LABELS, NETWORKS

REPORTS = Path(__file__).parent / "reports"

EXAMPLES = "gradcam.png"
"""Shows pictures of the data, which stay out of the reports: the run folder has it."""

BARS = ("later_fusion", "later_fusion-alone")
"""Late fusion trained beside the networks, and on its own: the better of both is the bar."""
TEXT, PICTURE = "text_only", "picture_only"
STRENGTHS = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Of the adjustment for rare classes, as tried on the validation parts."""


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
        here = predictions.where(among(predictions, chosen))
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


def validated(variants: Variants) -> dict[str, Any]:
    """Accuracy and weighted F1 on validation parts, by strength of the adjustment.

    No row of them is in any fold's test part, so what they choose sees no test part.
    They did choose each fit's epoch and temperature, which flatters all alike.
    """
    out: dict[str, Any] = {}
    for name in (*NETWORKS, MEAN, *BARS):
        if name in variants:
            out[name] = {str(s): _at_strength(variants, name, s) for s in STRENGTHS}
    return out


def _at_strength(variants: Variants, name: str, strength: float) -> dict[str, float]:
    parts = [variants[each] for each in (NETWORKS if name == MEAN else (name,))]
    prior = class_shares(parts[0].labels)
    said = np.mean([adjusted(part.probs, prior, strength) for part in parts], axis=0)
    matrix = metrics.confusion(parts[0].labels, said.argmax(axis=1))
    return {"accuracy": metrics.accuracy(matrix), "weighted_f1": metrics.weighted_f1(matrix)}


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
    out["validation"] = validated(splits.get(DEV, {}))
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
