"""`undertone score`: one pair, or a file of them, through the networks, with the reasons.

    score_pair   a text, a picture or both: a table, JSON, a drawing
    score_lines  JSON lines `{"text": …, "image": "file"}` in, JSON lines out

Pictures go the way they go in the pipeline: normalised to a JPEG as ingest
does it, then to pixels as inference does it, so that a figure here is the
figure there.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.signature import IMAGE_SIZE, LABELS, NETWORKS, REGIONS
from models.tokenizer import Tokenizer
from services.errors import UsageError
from services.heat import SIDE, View, draw, region_name, word_weights
from services.inference.classifier import Batch, Classifier, Verdicts
from services.inference.effects import word_effects
from services.inference.pairs import Score
from services.inference.pictures import pixels
from services.ingest.pictures import BadPicture, normalise
from services.records import SCORE_UNIT

TITLES = {"dmlanet": "DMLANet", "rnnca": "RNN-CA"}
TOP_WORDS, TOP_REGIONS = 5, 3
_BATCH = 32

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """What is scored; `jpeg` is a normalised picture."""

    text: str
    jpeg: bytes | None = None


class Line(msgspec.Struct, forbid_unknown_fields=False):
    """One line of the batch form. `image` is a path, relative to the input file."""

    text: str = ""
    image: str | None = None
    id: str | int | None = None


def score_pair(
    classifier: Classifier,
    text: str | None,
    image: Path | None,
    *,
    explain: Path | None = None,
    as_json: bool = False,
    out: TextIO | None = None,
) -> None:
    """Print what the networks make of one pair; `explain` is where the drawing goes."""
    out = out or sys.stdout
    if not (text or image):
        raise UsageError("give --text, --image, or both (or --input for a file of pairs)")
    pair = Pair(_encodable(text or ""), _picture(image) if image else None)
    tokenizer = Tokenizer.load()
    batch = _batch(tokenizer, [pair])
    verdicts = classifier.submit(batch).result()
    found = explained(tokenizer, pair, verdicts, 0)
    effects = word_effects(classifier, batch, pair.text, tokenizer.tokens(pair.text))
    found["word_effects"] = [
        {"text": w.text, "start": w.start, "end": w.end, "effect": round(w.effect, 4)}
        for w in sorted(effects, key=lambda w: -abs(w.effect))
    ]
    if explain:
        _save(explain, _drawing(tokenizer, pair, verdicts))
    out.write(json.dumps(found, ensure_ascii=False) + "\n" if as_json else _table(found))
    if explain and not as_json:
        out.write(f"drawn to {explain}\n")


def score_lines(
    classifier: Classifier, source: TextIO, folder: Path, out: TextIO | None = None
) -> int:
    """Score JSON lines, one answer a line and in their order; returns how many failed.

    A line that can't be scored is answered with its number and an `error`.
    `folder` is what relative picture paths start from.
    """
    out = out or sys.stdout
    tokenizer = Tokenizer.load()
    numbered = ((n, line) for n, line in enumerate(source, start=1) if line.strip())
    failed = 0
    while chunk := list(islice(numbered, _BATCH)):
        for answer in _answers(classifier, tokenizer, chunk, folder):
            failed += "error" in answer
            out.write(json.dumps(answer, ensure_ascii=False) + "\n")
        out.flush()
    return failed


def _answers(
    classifier: Classifier, tokenizer: Tokenizer, chunk: list[tuple[int, str]], folder: Path
) -> Iterator[Json]:
    """One answer for each line; the good ones are scored as one batch."""
    heads: list[Json] = []
    pairs: list[Pair | None] = []
    for number, line in chunk:
        head: Json = {"line": number}
        pair: Pair | None = None
        try:
            row = msgspec.json.decode(line, type=Line)
            head |= {"id": row.id} if row.id is not None else {}
            if not (row.text or row.image):
                raise UsageError("the line has neither text nor image")
            pair = Pair(_encodable(row.text), _picture(folder / row.image) if row.image else None)
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            head["error"] = f"not a line of this form: {error}"
        except UsageError as error:
            head["error"] = str(error)
        heads.append(head)
        pairs.append(pair)
    good = [pair for pair in pairs if pair]
    verdicts = classifier.submit(_batch(tokenizer, good)).result() if good else None
    rows = iter(range(len(good)))
    for head, pair in zip(heads, pairs, strict=True):
        if pair and verdicts:
            yield head | explained(tokenizer, pair, verdicts, next(rows))
        else:
            yield head


def explained(tokenizer: Tokenizer, pair: Pair, verdicts: Verdicts, row: int) -> Json:
    """Label, score and reasons of one row, ready for JSON."""
    tokens = tokenizer.tokens(pair.text)
    networks: Json = {}
    for name in NETWORKS:
        probs, words, regions, weight = _outputs(verdicts, name, row)
        weights = sorted(word_weights(pair.text, tokens, words), key=lambda w: -w.weight)
        networks[name] = {
            "probabilities": _named(probs),
            "picture_weight": round(weight, 4),
            "words": [
                {"text": w.text, "start": w.start, "end": w.end, "weight": round(w.weight, 4)}
                for w in weights[:TOP_WORDS]
                if w.weight > 0
            ],
            "regions": _top_regions(regions),
        }
    score = _score(verdicts, row)
    mean = np.mean([score.dmlanet, score.rnnca], axis=0)
    sides = {"picture": pair.jpeg is not None, "words": bool(tokens)}
    return {
        "label": LABELS[score.label],
        "score": score.units / SCORE_UNIT,
        "probabilities": _named(mean),
        "picture_weight": round(score.picture_weight, 4),
        "words_weight": round(1 - score.picture_weight, 4),
        "networks": networks,
        "masked": [side for side, there in sides.items() if not there],
        "text_cut": tokenizer.truncated(pair.text),
    }


def _score(verdicts: Verdicts, row: int) -> Score:
    """The pipeline's own reading of the two networks."""
    (dmlanet, *_, left), (rnnca, *_, right) = (_outputs(verdicts, n, row) for n in NETWORKS)
    return Score(tuple(dmlanet.tolist()), tuple(rnnca.tolist()), (left + right) / 2)


def _outputs(
    verdicts: Verdicts, network: str, row: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], float]:
    """(probabilities, word attention, region attention, picture weight) of one row."""
    prefix = network.upper()
    probs, words, regions, weight = (
        verdicts.outputs[f"{prefix}_{name}"][row]
        for name in ("PROBS", "WORD_ATTENTION", "REGION_ATTENTION", "PICTURE_WEIGHT")
    )
    return probs, words, regions, float(weight[0])


def _top_regions(regions: NDArray[np.float32]) -> list[Json]:
    """The regions looked at most, of the picture's centred square, row by row."""
    best = np.argsort(-regions, kind="stable")[:TOP_REGIONS]
    return [
        {
            "row": int(at) // SIDE,
            "column": int(at) % SIDE,
            "where": region_name(int(at)),
            "weight": round(float(regions[at]), 4),
        }
        for at in best
        if regions[at] > 0
    ]


def _named(probs: NDArray[Any]) -> dict[str, float]:
    return {label: round(float(p), 4) for label, p in zip(LABELS, probs, strict=True)}


def _batch(tokenizer: Tokenizer, pairs: list[Pair]) -> Batch:
    images = np.zeros((len(pairs), IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    has_image = np.zeros((len(pairs), 1), dtype=np.float32)
    for row, pair in enumerate(pairs):
        if pair.jpeg is not None:
            images[row], has_image[row] = pixels(pair.jpeg), 1.0
    return Batch(images, has_image, tokenizer.encode_batch([pair.text for pair in pairs]))


def _picture(path: Path) -> bytes:
    """The file as the pipeline would carry it; UsageError names what is wrong with it."""
    try:
        return normalise(path.read_bytes())
    except OSError as error:
        raise UsageError(f"can't read the picture {path}: {error.strerror}") from error
    except BadPicture as error:
        raise UsageError(f"can't use the picture {path}: {error}") from error


def _encodable(text: str) -> str:
    """Lone surrogates (bytes of the command line that are no UTF-8) as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _drawing(tokenizer: Tokenizer, pair: Pair, verdicts: Verdicts) -> Image.Image:
    tokens, views = tokenizer.tokens(pair.text), []
    for name in NETWORKS:
        probs, words, regions, weight = _outputs(verdicts, name, 0)
        title = f"{TITLES[name]}: {LABELS[int(probs.argmax())]} {probs.max():.2f}"
        heat = regions.reshape(SIDE, REGIONS // SIDE) if pair.jpeg else None
        views.append(View(title, tuple(word_weights(pair.text, tokens, words)), heat, weight))
    picture = Image.open(io.BytesIO(pair.jpeg)) if pair.jpeg else None
    return draw(picture, pair.text, views)


def _save(path: Path, drawing: Image.Image) -> None:
    try:
        drawing.save(path)
    except (OSError, ValueError) as error:  # ValueError: a suffix that Pillow does not know
        raise UsageError(f"can't write the drawing to {path}: {error}") from error


def _table(found: Json) -> str:
    """For people."""
    probabilities = ", ".join(f"{name} {p:.2f}" for name, p in found["probabilities"].items())
    lines = [f"{found['label']}  score {found['score']:+.2f}  ({probabilities})", ""]
    lines.append(f"{'':10}" + "".join(f"{label:>10}" for label in (*LABELS, "picture", "words")))
    for name, network in found["networks"].items():
        weight = network["picture_weight"]
        figures = [f"{p:.2f}" for p in network["probabilities"].values()]
        shares = [f"{weight:.0%}", f"{1 - weight:.0%}"]
        lines.append(f"{TITLES[name]:10}" + "".join(f"{cell:>10}" for cell in (*figures, *shares)))
    for name, network in found["networks"].items():
        words = ", ".join(f"{w['text']} {w['weight']:.2f}" for w in network["words"])
        regions = ", ".join(f"{r['where']} {r['weight']:.2f}" for r in network["regions"])
        lines.append(f"\n{TITLES[name]} looked at")
        lines += [f"  words    {words}"] * bool(words) + [f"  regions  {regions}"] * bool(regions)
    if moved := found["word_effects"][:TOP_WORDS]:
        words = ", ".join(f"{w['text']} {w['effect']:+.2f}" for w in moved)
        lines.append(f"\nwhat the words do to the score\n  {words}")
    if found["masked"]:
        lines.append(f"\nscored without {' and '.join(found['masked'])}: there is none")
    if found["text_cut"]:
        lines.append("\nthe text is longer than the networks read: its end was cut")
    return "\n".join(lines) + "\n"
