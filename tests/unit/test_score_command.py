"""`undertone score`: what is printed, drawn and refused. The networks are played by arithmetic."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.signature import MAX_TOKENS, REGIONS, SENTIMENT
from models.tokenizer import VOCABULARY
from services.errors import UsageError
from services.inference.classifier import Batch, Verdicts
from services.inference.local import LocalClassifier
from services.score_command import score_lines, score_pair


class Arithmetic:
    """Positive where the picture is bright; attention on the first words and regions."""

    batches: list[Batch]

    def __init__(self) -> None:
        self.batches = []

    def submit(self, batch: Batch) -> Future[Verdicts]:
        self.batches.append(batch)
        count = len(batch)
        outputs = {t.name: np.zeros((count, *t.shape), np.float32) for t in SENTIMENT.outputs}
        bright = batch.images.mean(axis=(1, 2, 3)) / 255
        for name, lean in (("DMLANET", 0.0), ("RNNCA", 0.1)):
            positive = 0.2 + 0.6 * bright + lean
            outputs[f"{name}_PROBS"][:] = np.stack([0.9 - positive, 0 * bright + 0.1, positive], 1)
            words = (batch.tokens != 0) * np.linspace(1, 0.1, MAX_TOKENS)
            outputs[f"{name}_WORD_ATTENTION"][:] = words / words.sum(1, keepdims=True).clip(1e-9)
            regions = np.linspace(1, 0, REGIONS) / np.linspace(1, 0, REGIONS).sum()
            outputs[f"{name}_REGION_ATTENTION"][:] = regions * batch.has_image
            outputs[f"{name}_PICTURE_WEIGHT"][:] = 0.4 * batch.has_image
        future: Future[Verdicts] = Future()
        future.set_result(Verdicts(outputs))
        return future

    def check(self) -> None: ...

    def close(self) -> None: ...


def picture(path: Path, mode: str = "RGB", size: tuple[int, int] = (90, 60)) -> Path:
    colour = {"RGB": (240, 240, 240), "RGBA": (240, 240, 240, 90), "CMYK": (0, 0, 0, 0)}
    Image.new(mode, size, colour.get(mode, 1)).save(path)
    return path


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def scored(text: str | None, image: Path | None = None) -> dict[str, object]:
    out = io.StringIO()
    score_pair(Arithmetic(), text, image, as_json=True, out=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def test_a_pair_as_json(tmp_path: Path) -> None:
    found = scored("RT @bob: so #HappyNow", picture(tmp_path / "a.jpg"))
    assert found["label"] == "positive"
    assert found["score"] == pytest.approx(0.73, abs=0.01)
    networks = found["networks"]
    assert isinstance(networks, dict)
    assert list(networks) == ["dmlanet", "rnnca"]
    words = [word["text"] for word in networks["rnnca"]["words"]]
    assert words == ["@bob:", "so", "Happy", "Now"]
    assert networks["dmlanet"]["regions"][0] == {
        "row": 0, "column": 0, "where": "top left", "weight": pytest.approx(0.0408, abs=1e-3),
    }  # fmt: skip
    assert found["masked"] == []
    assert found["picture_weight"] == pytest.approx(0.4)


def test_for_people(tmp_path: Path) -> None:
    out, drawing = io.StringIO(), tmp_path / "why.png"
    image = picture(tmp_path / "a.png", "RGBA")
    score_pair(Arithmetic(), "so happy " * 40, image, explain=drawing, out=out)
    page = out.getvalue()
    for part in ("positive  score +0.78", "DMLANet", "RNN-CA", "40%", "top left", "was cut"):
        assert part in page
    assert size_of(drawing)[0] == 2 * 360


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word " * 10_000,
        "\U0001f602" * 50,
        "مرحبا بالعالم",
        "漢字" * 200,
        "x" * 5000,
        "\udcff a\x00",
    ],
    ids=["none", "long", "emoji", "rtl", "cjk", "unbroken", "surrogate"],
)
def test_any_text_can_be_drawn(tmp_path: Path, text: str) -> None:
    out, drawing = io.StringIO(), tmp_path / "why.png"
    score_pair(Arithmetic(), text, picture(tmp_path / "a.jpg"), explain=drawing, out=out)
    out.getvalue().encode("utf-8")
    assert size_of(drawing)[1] < 2000


def test_a_missing_side_is_masked_and_said(tmp_path: Path) -> None:
    assert scored("hello")["masked"] == ["picture"]
    assert scored(None, picture(tmp_path / "a.jpg"))["masked"] == ["words"]


@pytest.mark.parametrize(
    ("mode", "size", "suffix"),
    [
        ("L", (40, 30), "png"),
        ("CMYK", (40, 30), "jpg"),
        ("RGBA", (40, 30), "webp"),
        ("P", (40, 30), "gif"),
        ("RGB", (1, 1), "png"),
        ("RGB", (3000, 10), "png"),
    ],
)
def test_any_picture_is_scored(
    tmp_path: Path, mode: str, size: tuple[int, int], suffix: str
) -> None:
    assert scored("hello", picture(tmp_path / f"a.{suffix}", mode, size))["masked"] == []


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(picture(tmp_path / "a.jpg").read_bytes()[:200])
    text = tmp_path / "page.jpg"
    text.write_text("<html>")
    with pytest.raises(UsageError, match=r"can't read the picture .*none\.jpg: No such file"):
        scored("x", tmp_path / "none.jpg")
    for file in (broken, text):
        with pytest.raises(UsageError, match=f"can't use the picture .*{file.name}"):
            scored("x", file)
    with pytest.raises(UsageError, match="--text, --image, or both"):
        scored("", None)
    with pytest.raises(UsageError, match="can't write the drawing"):
        score_pair(Arithmetic(), "x", None, explain=tmp_path / "a.nonsense", out=io.StringIO())


def test_lines_in_and_lines_out(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    lines = [
        {"text": "good", "image": "a.jpg", "id": "7"},
        {"text": "bad", "image": "none.jpg"},
        {"image": "a.jpg"},
        {"words": "x"},
        *({"text": f"text {n}"} for n in range(70)),
    ]
    source = io.StringIO("\n".join([*map(json.dumps, lines), "", "{broken", "[1]"]) + "\n")
    out, networks = io.StringIO(), Arithmetic()
    assert score_lines(networks, source, tmp_path, out) == 4
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(answers) == len(lines) + 2
    assert (answers[0]["id"], answers[0]["line"], answers[0]["label"]) == ("7", 1, "positive")
    assert "none.jpg" in answers[1]["error"]
    assert answers[2]["masked"] == ["words"]
    assert answers[3]["error"] == "the line has neither text nor image"
    assert [answer["line"] for answer in answers[-2:]] == [76, 77]
    assert all("not a line of this form" in answer["error"] for answer in answers[-2:])
    assert max(len(batch) for batch in networks.batches) <= 32


@pytest.fixture(scope="module")
def networks() -> Iterator[LocalClassifier]:
    classifier = LocalClassifier(Path(VOCABULARY).parent, threads=1)
    classifier.check()
    yield classifier
    classifier.close()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this phone, best day ever!", "positive"),
        ("worst service ever, I hate this airline", "negative"),
        ("The meeting is on Monday at 10", "neutral"),
    ],
)
def test_the_networks_that_ship_know_plain_cases(
    networks: LocalClassifier, text: str, label: str
) -> None:
    out = io.StringIO()
    score_pair(networks, text, None, as_json=True, out=out)
    found = json.loads(out.getvalue())
    assert found["label"] == label
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert (found["picture_weight"], found["masked"]) == (0, ["picture"])
    strongest = found["word_effects"][0]
    expected = {"positive": {"love", "best"}, "negative": {"hate", "worst"}}
    if label in expected:
        assert strongest["text"] in expected[label]
        assert (strongest["effect"] > 0) == (label == "positive")


def test_the_networks_that_ship_read_both_sides(networks: LocalClassifier, tmp_path: Path) -> None:
    image, drawing = picture(tmp_path / "a.jpg"), tmp_path / "why.png"
    out = io.StringIO()
    score_pair(networks, "such a lovely evening", image, explain=drawing, as_json=True, out=out)
    for network in json.loads(out.getvalue())["networks"].values():
        assert 0 < network["picture_weight"] < 1
        assert network["words"]
        assert network["regions"]
    assert size_of(drawing) > (0, 0)
