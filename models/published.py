"""Data sets in the form in which they are published.

MVSA-Single and MVSA-Multiple (Niu et al. 2016): a folder `data` with `ID.jpg`
and `ID.txt`, and a label file of `ID<tab>text,image` rows, one such pair of
labels per annotator (three in Multiple).

VSO/Flickr and Getty are published as lists of URLs: `load_manifest` reads a
CSV or JSON-lines file with `text`, `label` and `path` or `url`; what a URL
names is downloaded once, by `python -m models.published MANIFEST`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from models.data import DataError, Pairs, clean, label_index, load_pairs
from models.picture import PictureError, shrunk
from models.signature import LABELS

LABEL_FILES = ("labelResultAll.txt", "../labelResultAll.txt")
NEUTRAL = LABELS.index("neutral")
WORDS = range(5, 101)  # the RNN-CA paper keeps texts of 5 to 100 words
MAX_BYTES = 20_000_000


def majority(votes: list[int]) -> int | None:
    """The label most annotators gave; None without one (three different labels)."""
    (label, count), *_ = Counter(votes).most_common()
    return label if 2 * count > len(votes) else None


def merged(text: int, image: int) -> int | None:
    """One label for the pair, by the rule of MVSA's users.

    The same label stays; polar and neutral is polar; positive and negative is None.
    """
    if text == image or image == NEUTRAL:
        return text
    return image if text == NEUTRAL else None


def load(path: Path, skip_broken: bool = False) -> Pairs:
    """Pairs in whichever form: MVSA's folder, a manifest, or Parquet."""
    if path.is_dir():
        return load_mvsa(path, skip_broken)
    if path.suffix in (".csv", ".jsonl", ".ndjson"):
        return load_manifest(path)
    return load_pairs(path)


def load_mvsa(folder: Path, skip_broken: bool = False) -> Pairs:
    """MVSA-Single or MVSA-Multiple; which one shows in the label file.

    Pairs without a majority or with opposite labels are dropped and counted. A
    missing or broken file raises DataError, or is counted with `skip_broken`
    (MVSA-Multiple as published has a few broken pictures).
    """
    dropped = Counter[str]()
    ids, texts, labels, images = list[str](), list[str](), list[int](), list[bytes | None]()
    for name, votes, where in _label_rows(folder):
        label = _pair_label(votes, dropped)
        if label is None:
            continue
        try:
            text, image = _pair_files(folder / "data", name, where)
        except DataError:
            if not skip_broken:
                raise
            dropped["missing or broken file"] += 1
            continue
        ids.append(name)
        texts.append(text)
        labels.append(label)
        images.append(image)
    return Pairs(ids, texts, np.array(labels, np.int64), images, [""] * len(ids), dropped)


def _pair_label(votes: list[tuple[int, int]], dropped: Counter[str]) -> int | None:
    text, image = majority([t for t, _ in votes]), majority([i for _, i in votes])
    if text is None or image is None:
        dropped["no majority"] += 1
        return None
    label = merged(text, image)
    if label is None:
        dropped["text and picture opposite"] += 1
    return label


def _label_rows(folder: Path) -> Iterator[tuple[str, list[tuple[int, int]], str]]:
    """(id, (text label, image label) of each annotator, where in the file)."""
    path = next((folder / name for name in LABEL_FILES if (folder / name).is_file()), None)
    if path is None:
        raise DataError(f"{folder} has no {LABEL_FILES[0]}")
    lines = path.read_text("utf-8-sig").splitlines()
    if not lines or not lines[0].startswith("ID\ttext,image"):
        raise DataError(f"{path}: the first line is {lines[:1]}, not 'ID<tab>text,image'")
    for number, line in enumerate(lines[1:], start=2):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        name, *votes = line.split("\t")
        yield name.strip(), [_vote(vote, where) for vote in votes], where


def _vote(vote: str, where: str) -> tuple[int, int]:
    sides = vote.split(",")
    if len(sides) != 2:
        raise DataError(f"{where}: {vote!r} is not two labels with a comma between")
    return label_index(sides[0], where), label_index(sides[1], where)


def _pair_files(folder: Path, name: str, where: str) -> tuple[str, bytes]:
    try:
        raw = (folder / f"{name}.txt").read_bytes()
        image = (folder / f"{name}.jpg").read_bytes()
    except OSError as error:
        raise DataError(f"{where}: {error.filename} is missing") from error
    return clean(_decoded(raw)), _shrunk(image, f"{where}: {name}.jpg")


def _decoded(raw: bytes) -> str:
    """UTF-8; else Windows-1252, which the published files mix in."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _shrunk(image: bytes, where: str) -> bytes:
    try:
        return shrunk(image)
    except PictureError as error:
        raise DataError(f"{where}: {error}") from error


def load_manifest(path: Path) -> Pairs:
    """Pairs of a CSV or JSON-lines manifest; texts of other than 5 to 100 words are dropped."""
    dropped = Counter[str]()
    ids, texts, labels, images = list[str](), list[str](), list[int](), list[bytes | None]()
    for row, where in _manifest_rows(path):
        text = clean(str(row["text"]))
        if len(text.split()) not in WORDS:
            dropped[f"not {WORDS.start} to {WORDS.stop - 1} words"] += 1
            continue
        file = _media_file(path, row, where)
        if not file.is_file():
            raise DataError(f"{where}: {file} is missing{_hint(path, row)}")
        ids.append(str(row.get("id") or len(ids)))
        texts.append(text)
        labels.append(label_index(str(row["label"]), where))
        images.append(_shrunk(file.read_bytes(), f"{where}: {file}"))
    return Pairs(ids, texts, np.array(labels, np.int64), images, [""] * len(ids), dropped)


def _hint(path: Path, row: dict[str, Any]) -> str:
    return "" if row.get("path") else f" (run: python -m models.published {path})"


def _manifest_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """(row, where it stands); columns are checked."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"cannot read the manifest {path}: {error.strerror}") from error
    rows = map(_json_row, lines) if path.suffix in (".jsonl", ".ndjson") else csv.DictReader(lines)
    for number, row in enumerate(rows, start=1):
        where = f"{path}, row {number}"
        if row is None:
            raise DataError(f"{where} is not a JSON object")
        for column in ("text", "label"):
            if row.get(column) is None:
                raise DataError(f"{where} has no column {column!r}; it has {sorted(map(str, row))}")
        if not (row.get("path") or row.get("url")):
            raise DataError(f"{where} has neither 'path' nor 'url'")
        yield row, where


def _json_row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _media_file(manifest: Path, row: dict[str, Any], where: str) -> Path:
    if row.get("path"):
        return manifest.parent / str(row["path"])
    url = str(row["url"])
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{where}: {url!r} is not an http(s) address")
    return manifest.with_suffix(".media") / hashlib.sha256(url.encode()).hexdigest()[:32]


def download(manifest: Path) -> Counter[str]:
    """Fetch what the manifest's URLs name and is not there yet; failures are printed.

    For a manifest that you trust: addresses are not checked.
    """
    done = Counter[str]()
    manifest.with_suffix(".media").mkdir(exist_ok=True)
    for row, where in _manifest_rows(manifest):
        file = _media_file(manifest, row, where)
        if row.get("path") or file.exists():
            done["there"] += 1
            continue
        try:
            with urllib.request.urlopen(str(row["url"]), timeout=20) as answer:
                body = answer.read(MAX_BYTES + 1)
            if len(body) > MAX_BYTES:
                raise OSError(f"longer than {MAX_BYTES} bytes")
            file.write_bytes(body)
            done["fetched"] += 1
        except OSError as error:
            print(f"{where}: {row['url']}: {error}", file=sys.stderr)
            done["failed"] += 1
    return done


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m models.published MANIFEST")
    print(dict(download(Path(sys.argv[1]))))
