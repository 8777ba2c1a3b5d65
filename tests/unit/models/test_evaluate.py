"""The evaluation's arithmetic against cases known by hand, and a whole run, made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models import metrics
from models.data import DataError
from models.signature import LABELS

RNG = np.random.default_rng(0)


def one_hot(classes: list[int], sure: float = 1.0) -> metrics.Reals:
    rest = (1 - sure) / 2
    return np.where(np.eye(3)[classes] > 0, sure, rest)


def test_figures_of_a_confusion_known_by_hand() -> None:
    labels, predicted = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 2, 1, 2, 2, 0])
    matrix = metrics.confusion(labels, predicted)
    assert matrix.tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 2]]
    assert metrics.accuracy(matrix) == pytest.approx(4 / 6)
    f1 = [0.5, 1.0, 2 / 3]
    assert metrics.per_class(matrix)["f1"] == pytest.approx(f1)
    assert metrics.weighted_f1(matrix) == pytest.approx((2 * f1[0] + f1[1] + 3 * f1[2]) / 6)
    assert metrics.macro_f1(matrix) == pytest.approx(np.mean(f1))


def test_weighted_f1_is_that_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is in `train`")
    labels, predicted = RNG.integers(0, 3, 500), RNG.integers(0, 3, 500)
    matrix = metrics.confusion(labels, predicted)
    expected = sklearn.f1_score(labels, predicted, average="weighted")
    assert metrics.weighted_f1(matrix) == pytest.approx(expected)


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    assert metrics.calibration_error(labels, one_hot([0] * 10, 0.8)) == pytest.approx(0, abs=1e-9)
    assert metrics.calibration_error(labels, one_hot([0] * 10, 0.99)) == pytest.approx(0.19)


def test_a_bootstrap_draws_the_seeds_of_a_pair_together() -> None:
    labels = RNG.integers(0, 3, 300)
    predicted = np.where(RNG.random(300) < 0.7, labels, (labels + 1) % 3)
    ids = np.arange(300)
    once = metrics.bootstrap(ids, labels, predicted, metrics.accuracy)
    thrice = metrics.bootstrap(*(np.tile(a, 3) for a in (ids, labels, predicted)), metrics.accuracy)
    assert once == pytest.approx(thrice)
    assert once.low < 0.7 < once.high
    gain, interval = metrics.difference(ids, labels, labels, predicted)
    assert gain == pytest.approx((labels != predicted).mean())
    assert interval.low <= gain <= interval.high


def test_the_prior_of_a_sample_is_recovered() -> None:
    """Gaussians in a line, learned at equal shares, met at 10 % negative."""
    learned = np.full(3, 1 / 3)
    rng = np.random.default_rng(0)  # its own: which other tests run must not matter
    labels = rng.choice(3, 4000, p=[0.1, 0.6, 0.3])
    x = labels + rng.normal(0, 0.5, 4000)
    likelihood = np.exp(-((x[:, None] - np.arange(3)) ** 2) / 0.5)
    probs = likelihood / likelihood.sum(axis=1, keepdims=True)
    corrected = metrics.prior_corrected(probs, learned)
    assert corrected.mean(axis=0) == pytest.approx([0.1, 0.6, 0.3], abs=0.02)
    known = np.arange(4000) % 2 == 0
    errors = metrics.share_errors(labels, probs, known, learned)
    assert errors["corrected"]["mean_absolute"] < errors["mean"]["mean_absolute"]
    moved = metrics.share_errors(labels, probs, known, learned, moved=(0.05, 0.5))
    counted = moved["counted"]["p95_absolute"]
    assert moved["corrected"]["p95_absolute"] < counted / 2
    assert moved["adjusted"]["p95_absolute"] < counted * 0.8


def test_opposite_is_positive_against_negative() -> None:
    text, picture = one_hot([0, 2, 2, 1], 0.8), one_hot([2, 2, 0, 1], 0.8)
    assert metrics.opposite(text, picture).tolist() == [True, False, True, False]


def run_folder(folder: Path, variants: dict[str, float], **replace: object) -> Path:
    """Predictions of two folds and two seeds, right with the given chance."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: dict[str, list[object]] = {name: [] for name in evaluate_columns()}
    for variant, chance in variants.items():
        for place in range(240):
            label = place % 3
            chosen = label if RNG.random() < chance else int(RNG.integers(0, 3))
            split = "tweets" if place >= 200 else "test"
            values = [f"p{place // 2 % 100}", variant, place % 2, place // 2 % 2, split, label]
            for name, value in zip(rows, [*values, *one_hot([chosen], 0.8)[0]], strict=True):
                rows[name].append(value)
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({**rows, **replace}), folder / "predictions.parquet")
    return folder


def evaluate_columns() -> tuple[str, ...]:
    from models.predictions import COLUMNS

    return COLUMNS


def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is in `train`")
    pytest.importorskip("matplotlib", reason="matplotlib is in `train`")
    from models import evaluate

    tweets = evaluate.load_tweets
    monkeypatch.setattr(evaluate, "load_tweets", lambda: tweets(tweet_file(tmp_path)))
    chances = {
        "dmlanet": 0.7, "rnnca": 0.7, "later_fusion": 0.6, "text_only": 0.6, "picture_only": 0.3,
        "dmlanet-no-semantic": 0.5,
    }  # fmt: skip
    splits = evaluate.load(run_folder(tmp_path / "run", chances))
    results = evaluate.evaluate(splits)
    assert results["test"]["mean"]["runs"] == 4
    mean = splits["test"]["mean"].probs
    both = [splits["test"][name].probs for name in ("dmlanet", "rnnca")]
    assert mean == pytest.approx(np.mean(both, axis=0))
    assert set(results["ablations"]) == {"dmlanet-no-semantic"}
    assert results["opposite_sentiment"]["n"] > 0
    assert set(results["tweets"]["mean"]["negative_share"]) >= {"counted", "adjusted"}
    evaluate.write(results, splits, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["test"]
    page = (tmp_path / "out" / "EVALUATION.md").read_text()
    for heading in ("Per class", "Ablations", "Opposite", "Text-only tweets", "What others report"):
        assert f"## {heading}" in page
    assert {f.name for f in (tmp_path / "out").glob("*.png")} >= {
        "calibration.png",
        "confusion.png",
    }


def tweet_file(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "text": [f"tweet number {n} about {LABELS[n % 3]} things" for n in range(60)],
        "label": [LABELS[n % 3] for n in range(60)],
    }
    pq.write_table(pa.table(columns), folder / "tweets.parquet")
    return folder / "tweets.parquet"


def test_what_a_run_lacks_is_named(tmp_path: Path) -> None:
    from models.predictions import load

    with pytest.raises(DataError, match="train first"):
        load(tmp_path)
    broken = run_folder(tmp_path / "run", {"dmlanet": 0.5}, p_negative=[0.9] * 240)
    with pytest.raises(DataError, match="do not sum to 1"):
        load(broken)


def test_raising_rare_classes_moves_towards_them_by_the_strength() -> None:
    from models.predictions import adjusted, class_shares

    prior = class_shares(np.array([0] * 3 + [1] * 1 + [2] * 6))
    assert prior == pytest.approx((0.3, 0.1, 0.6))
    probs = np.array([[0.3, 0.1, 0.6], [0.1, 0.43, 0.47]])
    assert adjusted(probs, prior, 0) == pytest.approx(probs)
    assert adjusted(probs, prior, 1)[0] == pytest.approx([1 / 3] * 3)
    mild = adjusted(probs, prior)
    assert mild.sum(axis=1) == pytest.approx(1)
    assert mild[0].argmax() == 2  # as likely as ever: stays
    assert mild[1].argmax() == 1  # a near tie goes to the rare class


def test_the_strength_is_tried_on_validation_parts_alone(tmp_path: Path) -> None:
    from models import evaluate
    from models.predictions import load, write_part

    folder, labels = tmp_path / "run", RNG.integers(0, 3, 60)
    folder.mkdir()
    said = dict.fromkeys(("dmlanet", "rnnca"), one_hot(labels.tolist(), 0.9))
    ids = [str(n) for n in range(60)]
    write_part(folder / "predictions.parquet", ids, labels, said, 0, 0, "dev")
    results = evaluate.evaluate(load(folder))
    assert results["test"] == {}
    assert results["validation"]["mean"]["0.25"] == {"accuracy": 1.0, "weighted_f1": 1.0}
