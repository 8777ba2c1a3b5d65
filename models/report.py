"""The evaluation as Markdown: tables a reader can compare with the papers'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.claims import ABLATIONS, CLAIMS, OPPOSITE
from models.predictions import ADJUSTMENT
from models.signature import LABELS

TITLES = {
    "mean": "**mean of both networks**",
    "dmlanet": "**DMLANet**",
    "rnnca": "**RNN-CA Embedding**",
    "later_fusion": "Later Fusion",
    "later_fusion-alone": "Later Fusion, trained on its own",
    "early_fusion": "Early Fusion",
    "early_fusion-alone": "Early Fusion, trained on its own",
    "deep_fusion": "Deep Fusion",
    "deep_fusion-alone": "Deep Fusion, trained on its own",
    "ccr": "CCR",
    "ccr-alone": "CCR, trained on its own",
    "lstm_embedding": "T-LSTM Embedding (chain)",
    "text_only": "text only",
    "picture_only": "picture only",
    "majority": "majority class",
    "dmlanet-no_channel_spatial": "DMLANet without channel and spatial attention",
    "dmlanet-no_semantic": "DMLANet without semantic attention",
    "dmlanet-no_self_attention": "DMLANet without self-attention",
    "rnnca-no_attention": "RNN Embedding (no cross-modality attention)",
    "rnnca-no_embedding": "RNN-CA (no embedding objective)",
}
_ORDER = list(TITLES)


def markdown(results: dict[str, Any]) -> str:
    """All tables of `models.evaluate.evaluate`'s results."""
    parts = [
        "# Evaluation\n\nWritten by `make evaluate`; figures in percent unless said otherwise.",
        _comparators(results),
        _classes(results),
        _ablations(results),
        _opposite(results.get("opposite_sentiment", {})),
        _tweets(results.get("tweets", {})),
        _validation(results.get("validation", {})),
        _claims(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _comparators(results: dict[str, Any]) -> str:
    test, gains = results["test"], results.get("against_late_fusion", {})
    if not test:
        return "No predictions on test parts."
    rows = []
    for name in sorted(test, key=_rank):
        row, gain = test[name], gains.get(name)
        rows.append(
            [
                _title(name),
                _spread(row["accuracy_over_runs"]),
                _interval(row["accuracy_interval"]),
                _spread(row["weighted_f1_over_runs"]),
                _spread(row["macro_f1_over_runs"]),
                _percent(row["calibration_error"]),
                f"{_points(gain['gain'])} ({_points(gain['interval'][0])} to "
                f"{_points(gain['interval'][1])})" if gain else "",
                f"{row['runs']} ({row['folds']} folds)",
            ]
        )  # fmt: skip
    head = (
        "variant", "accuracy", "95 % interval", "weighted F1", "macro F1", "ECE",
        "points over the bar", "runs",
    )  # fmt: skip
    note = (
        "Accuracy and F1 are mean ± spread (standard deviation) over the test parts of the folds"
        " and the seeds; intervals are bootstraps over pairs."
    )
    if bar := results.get("bar"):
        note += f" The bar is the better of the late fusions: {_title(bar)}."
    return f"## MVSA-Single, test parts of the folds\n\n{note}\n\n{_table(head, rows)}"


def _classes(results: dict[str, Any]) -> str:
    test = results["test"]
    rows = [
        [
            _title(name), label, _percent(row["per_class"][label]["precision"]),
            _percent(row["per_class"][label]["recall"]), _percent(row["per_class"][label]["f1"]),
            _percent(row["roc_auc"].get(label)), _percent(row["average_precision"].get(label)),
        ]
        for name in sorted(test, key=_rank)
        if name in ("mean", "dmlanet", "rnnca", results.get("bar"))
        for row in [test[name]]
        for label in LABELS
    ]  # fmt: skip
    head = ("variant", "class", "precision", "recall", "F1", "ROC area", "PR area")
    return f"## Per class\n\n{_table(head, rows)}" if rows else ""


def _ablations(results: dict[str, Any]) -> str:
    rows = [
        [
            _title(name), _spread(results["test"][name]["accuracy_over_runs"]),
            _points(row["gain"]),
            f"{_points(row['interval'][0])} to {_points(row['interval'][1])}", str(row["n"]),
        ]
        for name, row in sorted(results["ablations"].items())
    ]  # fmt: skip
    if not rows:
        return ""
    head = ("variant", "accuracy", "points against the full network", "95 % interval", "n")
    claimed = [
        [what, f"{single:.2f}", f"{flickr:.2f}"] for what, (single, flickr) in ABLATIONS.items()
    ]
    papers = _table(("DMLANet's own ablations", "MVSA-Multiple", "Flickr"), claimed)
    return f"## Ablations\n\n{_table(head, rows)}\n\n{papers}"


def _opposite(found: dict[str, Any]) -> str:
    if not found or not found["n"]:
        return ""
    rows = [[_title(n), _percent(a)] for n, a in sorted(found["accuracy"].items(), key=_by_rank)]
    rows += [[f"{c.model}, claimed ({c.data}, {c.remark})", _claimed(c.accuracy)] for c in OPPOSITE]
    note = (
        f"{found['n']} predictions ({_percent(found['share'])} % of the polar ones) on pairs whose"
        " words alone and picture alone say opposite things; positive against negative."
    )
    return f"## Opposite sentiment\n\n{note}\n\n{_table(('variant', 'accuracy'), rows)}"


def _tweets(found: dict[str, Any]) -> str:
    rows = []
    for name, row in sorted(found.items(), key=_by_rank):
        recalls = [_percent(row["per_class"][label]["recall"]) for label in LABELS]
        errors = [
            f"{_points(error['bias'])} / {_percent(error['mean_absolute'])} /"
            f" {_percent(error['p95_absolute'])}"
            for errors_of in ("negative_share", "negative_share_moved")
            for error in row[errors_of].values()
        ]
        rows.append([_title(name), _percent(row["accuracy"]), *recalls, *errors])
    head = (
        "variant", "accuracy", *(f"recall {label}" for label in LABELS),
        *(f"{how}{when}" for when in ("", ", moved")
          for how in ("counted", "mean probability", "prior-corrected", "adjusted count")),
    )  # fmt: skip
    note = (
        "Text-only tweets held back from training, at their natural proportions. The last eight"
        " columns are the error of the estimated negative share on samples of 1,000, in points:"
        " bias / mean absolute / 95th percentile; first at natural proportions, then with the"
        " true share moved to 5 to 50 %. Estimators: share of posts whose label is negative, mean"
        " probability of negative, the same corrected for the prior (Saerens et al. 2002), and the"
        " count adjusted by error rates known from other tweets (Forman 2008)."
    )
    return f"## Text-only tweets\n\n{note}\n\n{_table(head, rows)}" if rows else ""


def _validation(found: dict[str, Any]) -> str:
    """What the strength of the adjustment for rare classes was chosen on."""
    rows = [
        [
            _title(name), strength, _percent(row["accuracy"]), _percent(row["weighted_f1"]),
            _points(row["accuracy"] - row["weighted_f1"]),
        ]
        for name, by_strength in sorted(found.items(), key=_by_rank)
        for strength, row in by_strength.items()
    ]  # fmt: skip
    head = ("variant", "strength", "accuracy", "weighted F1", "points between them")
    note = (
        "No row here is in a test part of any fold. Probabilities are divided by the class shares"
        f" to the power of the strength; the one in use, {ADJUSTMENT}, was chosen on such parts."
        " The same parts chose each fit's epoch and temperature, which flatters all rows alike."
    )
    return f"## Validation parts of the folds\n\n{note}\n\n{_table(head, rows)}" if rows else ""


def _claims() -> str:
    rows = [
        [c.model, c.data, _claimed(c.accuracy), _claimed(c.f1), c.source, c.remark] for c in CLAIMS
    ]
    head = ("model", "data", "accuracy", "F1", "source", "remark")
    note = "Quoted, not reproduced: splits and data differ from ours."
    return f"## What others report\n\n{note}\n\n{_table(head, rows)}"


def _table(head: Iterable[str], rows: list[list[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _rank(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _by_rank(item: tuple[str, Any]) -> tuple[int, str]:
    return _rank(item[0])


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _spread(figure: dict[str, float]) -> str:
    return f"{100 * figure['mean']:.1f} ± {100 * figure['spread']:.1f}"


def _interval(bounds: list[float]) -> str:
    return f"{_percent(bounds[0])} to {_percent(bounds[1])}"


def _claimed(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"
