"""The main job on real input, through the networks that ship, as a person runs it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.data_tools import mvsa_archive, mvsa_pairs
from tests.e2e.product import PRECOMPUTED, REAL, Product
from tests.e2e.sample import NAMESPACE, Sample

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
ALL_OF_IT = "topics: {all of it: {query: 'has:images OR -has:images', text_only: true}}\n"


@pytest.fixture
def product(tmp_path: Path) -> Product:
    return Product(tmp_path, {"UNDERTONE_DATA_DIR": str(tmp_path / "data")}, REAL)


def replayed(product: Product, *arguments: str) -> dict[str, Any]:
    report = product.folder / "report.json"
    product.run("replay", *arguments, "--namespace", "it", "--report", str(report))
    made: dict[str, Any] = json.loads(report.read_text())
    return made


def test_the_sample_shows_one_mood_that_turns(sample: Sample) -> None:
    made = sample.report
    assert made["posts_matched"] >= 600
    assert made["scored"] == made["posts_matched"]
    assert made["images"]["ok"] > 600
    assert made["images"]["missing"] == made["images"]["failed"] == made["dead_lettered"] == 0
    shown = sample.product.json("rolling", "--namespace", NAMESPACE, "--window", "1h")["topics"]
    steady, turned = shown["Murrowbean"], shown["Pennivane"]
    assert steady["mean_score"] > 0.2
    assert turned["mean_score"] < 0.1
    assert turned["negative_share"] > 2 * steady["negative_share"]


def test_recorded_dumps_of_every_platform(product: Product, data: Path) -> None:
    topics = product.folder / "topics.yaml"
    topics.write_text(ALL_OF_IT)
    made = replayed(product, str(data / "dumps"), "--topics", str(topics))
    assert made["posts_read"] > 300
    assert made["posts_matched"] == made["posts_read"]
    figures = made["topics"]["all of it"]
    late = made["late"]
    assert figures["count"] + made["duplicates"] + late >= made["posts_matched"]
    other = replace(product, program=PRECOMPUTED)  # which would move every figure that it counts
    again = replayed(other, str(data / "dumps"), "--topics", str(topics))
    assert again["topics"] == made["topics"], "a replay that is through counts nothing twice"


def test_pairs_of_mvsa_as_an_archive(product: Product, data: Path) -> None:
    """Real pictures; the networks were trained on them, so this is no measure of their worth."""
    archive, media = mvsa_archive(data, product.folder / "mvsa", 60)
    topics = product.folder / "topics.yaml"
    topics.write_text(ALL_OF_IT)
    scores = product.folder / "scores.jsonl"
    made = replayed(
        product, str(archive), "--media", str(media), "--topics", str(topics),
        "--scores", str(scores),
    )  # fmt: skip
    assert made["images"] == {"ok": 60, "missing": 0, "failed": 0}
    assert made["topics"]["all of it"]["count"] == 60
    lines = [json.loads(line) for line in scores.read_text().splitlines()]
    assert len({line["id"] for line in lines}) == 60
    for line in lines:
        for probabilities in line["models"].values():
            assert sum(probabilities) == pytest.approx(1, abs=1e-3)
    lines.sort(key=lambda line: line["created_at"])  # the order in which the pairs were written
    labels = [pair.label for pair in mvsa_pairs(data, 60)]
    right = sum(line["label"] == label for line, label in zip(lines, labels, strict=True))
    assert right > 36
