"""Labelled data: image-text pairs, and tweets for pre-training the text side.

What can be read:

    pairs       Parquet (`load_pairs`), MVSA as published and manifests for
                VSO/Flickr and Getty (`models.published`)
    tweets      Parquet with `text`, `label` (`load_tweets`), a tenth held back

Nothing is skipped silently: rows that a rule drops are counted in `dropped`,
anything else that is wrong raises a DataError that names the file and row.
Folds and duplicates are in `models.folds`, picture files in `models.picture`.
"""

from __future__ import annotations

import hashlib
import html
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.folds import text_key
from models.picture import PictureError, decode, prepare
from models.signature import IMAGE_SIZE, LABELS

DATA = Path(__file__).parents[2] / "shared" / "data"
MVSA_PAIRS = DATA / "mvsa_single" / "train.parquet"
TWEETS = DATA / "tweet_sentiment" / "semeval_2013_2016.parquet"

_HELD_BACK = {"test": range(10), "dev": range(10, 15)}  # percent of the tweets, by hash


class DataError(ValueError):
    """The data is not what it should be; the message names file, row and column."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Image-text pairs, column by column, all of one length N.

    `labels` (N,) int64 index LABELS; `images` are picture files, None where a
    pair has none; `split` is the published one ("" where there is none).
    """

    ids: list[str]
    texts: list[str]
    labels: npt.NDArray[np.int64]
    images: list[bytes | None]
    split: list[str]
    dropped: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Sequence[int] | npt.NDArray[Any]) -> Pairs:
        """The pairs at these positions."""
        return Pairs(
            [self.ids[i] for i in rows],
            [self.texts[i] for i in rows],
            self.labels[np.asarray(rows, dtype=np.int64)],
            [self.images[i] for i in rows],
            [self.split[i] for i in rows],
        )


@dataclass(frozen=True, slots=True)
class Tweets:
    """Labelled tweets, text only; `split` is train, dev or test for each."""

    texts: list[str]
    labels: npt.NDArray[np.int64]
    split: npt.NDArray[np.str_]
    dropped: Counter[str] = field(default_factory=Counter)

    def part(self, split: str) -> tuple[list[str], npt.NDArray[np.int64]]:
        """(texts, labels) of "train", "dev" or "test"."""
        rows = np.flatnonzero(self.split == split)
        return [self.texts[i] for i in rows], self.labels[rows]


def label_index(label: str, where: str) -> int:
    """Position in LABELS; `where` is named when the label is unknown."""
    try:
        return LABELS.index(label.strip().lower())
    except ValueError:
        raise DataError(f"{where}: unknown label {label!r}, not one of {LABELS}") from None


def clean(text: str) -> str:
    """HTML entities as characters (archives hold them escaped), outer space gone."""
    return html.unescape(text).strip()


def load_pairs(path: Path = MVSA_PAIRS) -> Pairs:
    """Parquet with `id, text, label, image` (file bytes) and perhaps `split`."""
    columns = _parquet(path, ("id", "text", "label", "image"), ("split",))
    where = [f"{path}, row {row}" for row in range(len(columns["id"]))]
    labels = [label_index(label, at) for label, at in zip(columns["label"], where, strict=True)]
    return Pairs(
        [str(name) for name in columns["id"]],
        [clean(text or "") for text in columns["text"]],
        np.array(labels, dtype=np.int64),
        list(columns["image"]),
        [str(split) for split in columns.get("split") or [""] * len(where)],
    )


def load_tweets(path: Path = TWEETS, without: Iterable[str] = ()) -> Tweets:
    """Tweets by a split that depends on their words alone, at natural proportions.

    A tenth (by hash) is the test part, a twentieth dev; the same words always
    fall on the same side. Copies are dropped, and so is from training whatever
    stands in `without` (the texts of the pairs).
    """
    columns = _parquet(path, ("text", "label"))
    seen, banned = set[str](), {text_key(clean(text)) for text in without}
    texts, labels, split = list[str](), list[int](), list[str]()
    dropped = Counter[str]()
    for row, (text, label) in enumerate(zip(columns["text"], columns["label"], strict=True)):
        text = clean(text or "")
        key = text_key(text)
        part = held_back(key)
        reason = "copy" if key in seen else "also a pair's text" if key in banned else ""
        if reason:
            dropped[f"{part}: {reason}"] += 1
            continue
        seen.add(key)
        texts.append(text)
        labels.append(label_index(label, f"{path}, row {row}"))
        split.append(part)
    return Tweets(texts, np.array(labels, dtype=np.int64), np.array(split), dropped)


def held_back(key: str) -> str:
    """train, dev or test, by the hash of a text's key."""
    percent = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % 100
    return next((name for name, range_ in _HELD_BACK.items() if percent in range_), "train")


def prepared(pairs: Pairs) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Pictures (N, 224, 224, 3) and has_image (N, 1); zeros where there is none."""
    pictures = np.zeros((len(pairs), IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    has_image = np.zeros((len(pairs), 1), dtype=np.float32)
    for row, data in enumerate(pairs.images):
        if data is None:
            continue
        try:
            pictures[row] = prepare(decode(data))
        except PictureError as error:
            raise DataError(f"pair {pairs.ids[row]}: {error}") from error
        has_image[row] = 1.0
    return pictures, has_image


def _parquet(
    path: Path, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, list[Any]]:
    """Columns of a Parquet file as lists; a missing file or column is named."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataError(f"no data file {path}")
    try:
        names = set(pq.read_schema(path).names)
        if missing := [name for name in needed if name not in names]:
            raise DataError(f"{path} has no column {missing[0]!r}; it has {sorted(names)}")
        table = pq.read_table(path, columns=[n for n in (*needed, *optional) if n in names])
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is not a Parquet file: {error}") from error
    columns: dict[str, list[Any]] = table.to_pydict()
    return columns
