"""The arithmetic of the evaluation. Pure functions on labels and probabilities.

`labels` (N,) index LABELS, `probs` (N, 3) sum to 1 in each row; shares,
accuracies and errors are fractions of 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.signature import LABELS

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLASSES = len(LABELS)
NEGATIVE, POSITIVE = LABELS.index("negative"), LABELS.index("positive")
_BINS = 10


class Interval(NamedTuple):
    """A 95 % bootstrap interval."""

    low: float
    high: float


def confusion(labels: Ints, predicted: Ints, weights: Reals | None = None) -> Reals:
    """Counts (3, 3): rows are true classes, columns predicted ones."""
    cells = labels * CLASSES + predicted
    return np.bincount(cells, weights, minlength=CLASSES**2).reshape(CLASSES, CLASSES).astype(float)


def accuracy(matrix: Reals) -> float:
    """Of a confusion matrix."""
    return float(np.trace(matrix) / max(matrix.sum(), 1))


def per_class(matrix: Reals) -> dict[str, Reals]:
    """Precision, recall and F1 of each class (3,); 0 where undefined."""
    hits = np.diag(matrix)
    precision = hits / np.maximum(matrix.sum(axis=0), 1e-12)
    recall = hits / np.maximum(matrix.sum(axis=1), 1e-12)
    f1 = 2 * hits / np.maximum(matrix.sum(axis=0) + matrix.sum(axis=1), 1e-12)
    return {"precision": precision, "recall": recall, "f1": f1}


def weighted_f1(matrix: Reals) -> float:
    """F1 of the classes, weighted by their true counts."""
    return float(per_class(matrix)["f1"] @ matrix.sum(axis=1) / max(matrix.sum(), 1))


def macro_f1(matrix: Reals) -> float:
    return float(per_class(matrix)["f1"].mean())


def calibration(labels: Ints, probs: Reals) -> list[dict[str, float]]:
    """Equal bins of the top probability: share of rows, mean confidence, accuracy."""
    top = probs.max(axis=1)
    right = probs.argmax(axis=1) == labels
    bins = np.minimum((top * _BINS).astype(int), _BINS - 1)
    return [
        {
            "share": float(np.mean(bins == b)),
            "confidence": float(top[bins == b].mean()),
            "accuracy": float(right[bins == b].mean()),
        }
        for b in range(_BINS)
        if (bins == b).any()
    ]


def calibration_error(labels: Ints, probs: Reals) -> float:
    """ECE: how far confidence and accuracy are apart, on average."""
    table = calibration(labels, probs)
    return sum(row["share"] * abs(row["confidence"] - row["accuracy"]) for row in table)


def areas(labels: Ints, probs: Reals) -> dict[str, dict[str, float]]:
    """Area under ROC and precision-recall curve of each class against the rest."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    out: dict[str, dict[str, float]] = {"roc_auc": {}, "average_precision": {}}
    for number, name in enumerate(LABELS):
        truth = labels == number
        if truth.any() and not truth.all():
            out["roc_auc"][name] = float(roc_auc_score(truth, probs[:, number]))
            out["average_precision"][name] = float(average_precision_score(truth, probs[:, number]))
    return out


def summary(labels: Ints, probs: Reals) -> dict[str, Any]:
    """Every figure of one set of predictions, ready for JSON."""
    matrix = confusion(labels, probs.argmax(axis=1))
    classes = per_class(matrix)
    return {
        "n": len(labels),
        "accuracy": accuracy(matrix),
        "weighted_f1": weighted_f1(matrix),
        "macro_f1": macro_f1(matrix),
        "calibration_error": calibration_error(labels, probs),
        "log_loss": float(-np.log(probs[np.arange(len(labels)), labels].clip(1e-12)).mean()),
        "per_class": {
            name: {figure: float(values[number]) for figure, values in classes.items()}
            for number, name in enumerate(LABELS)
        },
        "confusion": matrix.astype(int).tolist(),
        **areas(labels, probs),
    }


def bootstrap(
    ids: npt.NDArray[Any],
    labels: Ints,
    predicted: Ints,
    figure: Callable[[Reals], float],
    draws: int = 1000,
) -> Interval:
    """Interval of a figure of the confusion matrix, resampling ids.

    Rows of one id (its seeds) are drawn together, so that repeated runs on the
    same pairs do not pass for more data.
    """
    values = [figure(confusion(labels, predicted, w)) for w in _resampled(ids, draws)]
    return Interval(*map(float, np.quantile(values, (0.025, 0.975))))


def difference(
    ids: npt.NDArray[Any], labels: Ints, ours: Ints, theirs: Ints, draws: int = 1000
) -> tuple[float, Interval]:
    """Accuracy of `ours` less that of `theirs` on the same rows, with its interval."""
    gain = (ours == labels).astype(float) - (theirs == labels)
    values = [float(gain @ w / w.sum()) for w in _resampled(ids, draws)]
    return float(gain.mean()), Interval(*map(float, np.quantile(values, (0.025, 0.975))))


def _resampled(ids: npt.NDArray[Any], draws: int) -> list[Reals]:
    """Weights (N,) of the rows in each draw of ids with replacement; fixed seed."""
    unique, row_of = np.unique(ids, return_inverse=True)
    rng = np.random.default_rng(0)
    count = len(unique)
    counts = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    return [drawn[row_of].astype(float) for drawn in counts]


def prior_corrected(probs: Reals, learned: Reals, rounds: int = 200) -> Reals:
    """Probabilities under the prior of this sample instead of the learned one.

    Saerens, Latinne and Decaestecker (2002): expectation maximisation of the
    class shares of an unlabelled sample. `learned` (3,) are the shares that the
    classifier was trained on.
    """
    prior = learned.copy()
    corrected = probs
    for _ in range(rounds):
        corrected = probs * (prior / learned)
        corrected = corrected / corrected.sum(axis=1, keepdims=True)
        moved = corrected.mean(axis=0)
        if np.abs(moved - prior).max() < 1e-5:
            break
        prior = moved
    return corrected


def adjusted_shares(predicted: Ints, rates: Reals) -> Reals:
    """True class shares (3,) behind counted ones, by the classifier's known errors.

    `rates` (3, 3): how often a post of the row's class is given the column's
    label (Forman 2008, adjusted count). Shares are kept within 0..1.
    """
    counted = np.bincount(predicted, minlength=CLASSES) / len(predicted)
    shares = np.linalg.lstsq(rates.T, counted, rcond=None)[0].clip(0, None)
    kept: Reals = shares / max(float(shares.sum()), 1e-12)
    return kept


def share_errors(
    labels: Ints,
    probs: Reals,
    known: npt.NDArray[np.bool_],
    learned: Reals,
    moved: tuple[float, float] | None = None,
    size: int = 1000,
    draws: int = 200,
) -> dict[str, dict[str, float]]:
    """Error of the estimated negative share on samples of `size`, by estimator.

    counted    share of rows whose largest class is negative
    mean       mean probability of negative
    corrected  the same after `prior_corrected` on the sample
    adjusted   `adjusted_shares`, with the error rates of the rows in `known`

    Samples come from the rows that are not in `known`. `moved` draws samples
    whose true negative share lies between two bounds instead of at its natural
    value. Fixed seed.
    """
    rng = np.random.default_rng(0)
    rates = confusion(labels[known], probs[known].argmax(axis=1))
    rates = rates / np.maximum(rates.sum(axis=1, keepdims=True), 1e-12)
    labels, probs = labels[~known], probs[~known]
    errors: dict[str, list[float]] = {"counted": [], "mean": [], "corrected": [], "adjusted": []}
    for _ in range(draws):
        rows = _sample(labels, size, moved, rng)
        truth = float(np.mean(labels[rows] == NEGATIVE))
        sample = probs[rows]
        errors["counted"].append(float(np.mean(sample.argmax(axis=1) == NEGATIVE)) - truth)
        errors["mean"].append(float(sample[:, NEGATIVE].mean()) - truth)
        corrected = prior_corrected(sample, learned)
        errors["corrected"].append(float(corrected[:, NEGATIVE].mean()) - truth)
        adjusted = adjusted_shares(sample.argmax(axis=1), rates)
        errors["adjusted"].append(float(adjusted[NEGATIVE]) - truth)
    return {name: _errors(np.array(found)) for name, found in errors.items()}


def _sample(
    labels: Ints, size: int, moved: tuple[float, float] | None, rng: np.random.Generator
) -> Ints:
    if moved is None:
        return rng.choice(len(labels), size, replace=len(labels) < size)
    negative = round(size * rng.uniform(*moved))
    negatives, others = np.flatnonzero(labels == NEGATIVE), np.flatnonzero(labels != NEGATIVE)
    drawn = rng.choice(negatives, negative), rng.choice(others, size - negative)
    return np.concatenate(drawn)


def _errors(found: Reals) -> dict[str, float]:
    return {
        "bias": float(found.mean()),
        "mean_absolute": float(np.abs(found).mean()),
        "p95_absolute": float(np.quantile(np.abs(found), 0.95)),
    }


def opposite(text: Reals, picture: Reals) -> npt.NDArray[np.bool_]:
    """Rows where words alone and picture alone say opposite things, neutral left out."""
    words = text[:, POSITIVE] > text[:, NEGATIVE]
    scene = picture[:, POSITIVE] > picture[:, NEGATIVE]
    differ: npt.NDArray[np.bool_] = words != scene
    return differ
