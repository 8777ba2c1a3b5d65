"""The evaluation's pictures, as PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from models.metrics import Ints, Reals, calibration, confusion
from models.signature import LABELS

Predictions = dict[str, tuple[Ints, Reals]]
"""(labels, probs) of each variant's test rows."""

_COLOURS = ("#c0392b", "#7f8c8d", "#27ae60")  # negative, neutral, positive


def save_curves(path: Path, labels: Ints, probs: Reals, title: str) -> None:
    """ROC and precision-recall curves of each class against the rest."""
    from sklearn.metrics import auc, precision_recall_curve, roc_curve

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    for number, name in enumerate(LABELS):
        truth = labels == number
        false, true, _ = roc_curve(truth, probs[:, number])
        left.plot(false, true, color=_COLOURS[number], label=f"{name} {auc(false, true):.2f}")
        precision, recall, _ = precision_recall_curve(truth, probs[:, number])
        area = auc(recall, precision)
        right.plot(recall, precision, color=_COLOURS[number], label=f"{name} {area:.2f}")
        right.axhline(float(truth.mean()), color=_COLOURS[number], lw=0.5, ls=":")
    left.plot([0, 1], [0, 1], color="black", lw=0.5, ls=":")
    _dress(left, "false positive rate", "true positive rate", f"{title}: ROC")
    _dress(right, "recall", "precision", f"{title}: precision and recall")
    _save(figure, path)


def save_calibration(path: Path, predictions: Predictions) -> None:
    """Accuracy against confidence of each variant."""
    figure, axes = plt.subplots(figsize=(4.5, 4))
    for name, (labels, probs) in predictions.items():
        table = calibration(labels, probs)
        axes.plot(
            [row["confidence"] for row in table],
            [row["accuracy"] for row in table],
            marker="o",
            ms=3,
            label=name,
        )
    axes.plot([0.3, 1], [0.3, 1], color="black", lw=0.5, ls=":")
    _dress(axes, "confidence", "accuracy", "Calibration on the test parts of the folds")
    _save(figure, path)


def save_confusions(path: Path, predictions: Predictions) -> None:
    """Confusion matrices side by side, in percent of the true class."""
    figure, panes = plt.subplots(1, len(predictions), figsize=(3.2 * len(predictions), 3.2))
    for axes, (name, (labels, probs)) in zip(
        np.atleast_1d(panes), predictions.items(), strict=True
    ):
        matrix = confusion(labels, probs.argmax(axis=1))
        shares = 100 * matrix / matrix.sum(axis=1, keepdims=True)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 60 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(LABELS)), LABELS, fontsize=7)
        axes.set_yticks(range(len(LABELS)), LABELS, fontsize=7)
        axes.set_title(name, fontsize=9)
    _save(figure, path)


def save_attention_maps(
    path: Path, rows: list[tuple[np.ndarray[Any, Any], dict[str, Reals], str]]
) -> None:
    """Pictures (224, 224, 3), each with maps (7, 7) of what was looked at, and a caption."""
    columns = 1 + max(len(maps) for _, maps, _ in rows)
    figure, panes = plt.subplots(len(rows), columns, figsize=(2.2 * columns, 2.5 * len(rows)))
    for line, (picture, maps, caption) in zip(np.atleast_2d(panes), rows, strict=True):
        line[0].imshow(picture)
        line[0].set_title(caption, fontsize=6, loc="left")
        for axes, (name, heat) in zip(line[1:], maps.items(), strict=False):
            axes.imshow(picture)
            axes.imshow(
                heat, cmap="jet", alpha=0.45, extent=(0, 224, 224, 0), interpolation="bicubic"
            )
            axes.set_title(name, fontsize=7)
        for axes in line:
            axes.set_axis_off()
    _save(figure, path, dpi=70)


def _dress(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=7)


def _save(figure: Any, path: Path, dpi: int = 80) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=dpi)
    plt.close(figure)
