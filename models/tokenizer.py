"""WordPiece over MiniLM's vocabulary, for tweets: text to the token ids of `TOKENS`.

Torch-free and without dependencies but numpy: training and the services use
this one file, so that a network never sees other tokens than it learned from.
Deterministic, and safe on any text: what is not known becomes [UNK], a long
text is cut to its first tokens, and a text without a single token (empty,
white space, control characters) is all padding, which masks the text side.

How a tweet becomes words is in `models.tweets`; words become pieces here,
longest match first. Results are cached per white-space separated run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from models.signature import MAX_TOKENS, PAD_ID
from models.tweets import Splitter, words_of

V = TypeVar("V")

VOCABULARY = Path(__file__).parent / "artifacts" / "vocab.txt"

_RUN = re.compile(r"\S+")
_MAX_RUN = 400  # characters of one run that are read: more than MAX_TOKENS can hold
_MAX_WORD = 64  # characters of one word that are split into pieces
_CACHE_SIZE = 200_000  # runs and words each; about 80 MB when full


class VocabularyError(ValueError):
    """The vocabulary file is missing, or is not one this tokenizer can use."""


@dataclass(frozen=True, slots=True)
class Token:
    """One position of the encoded text.

    `text` is the piece as the vocabulary spells it; `start`, `end` are offsets
    into the original text, equal for the special tokens.
    """

    id: int
    text: str
    start: int
    end: int


class _Pieces(NamedTuple):
    """The pieces of one run: their ids, and their places counted from its start."""

    ids: tuple[int, ...]
    places: tuple[tuple[int, int], ...]


class Tokenizer:
    """Tokens of a text; `len(vocabulary)` ids, 0 is padding."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self._ids = {piece: number for number, piece in enumerate(self.vocabulary)}
        if self._ids.get("[PAD]") != PAD_ID:
            raise VocabularyError(f"the vocabulary's entry {PAD_ID} must be [PAD]")
        try:
            self.unknown, self.first, self.last = (
                self._ids[name] for name in ("[UNK]", "[CLS]", "[SEP]")
            )
        except KeyError as missing:
            raise VocabularyError(f"the vocabulary has no entry {missing}") from None
        self._splitter = Splitter([p for p in self.vocabulary if not p.startswith(("##", "["))])
        self._cache: dict[str, _Pieces] = {}
        self._split: dict[str, tuple[int, ...]] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> Tokenizer:
        """From a file with one piece a line; by default the one that ships."""
        path = path or VOCABULARY
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise VocabularyError(f"cannot read the vocabulary {path}: {error}") from error
        return cls([line.rstrip("\r") for line in lines if line])

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """Ids (MAX_TOKENS,): [CLS], pieces, [SEP], padding; all padding without pieces."""
        return self.encode_batch([text]).reshape(MAX_TOKENS)

    def encode_batch(self, texts: Sequence[str]) -> npt.NDArray[np.int32]:
        """Ids (N, MAX_TOKENS)."""
        ids = np.full((len(texts), MAX_TOKENS), PAD_ID, dtype=np.int32)
        for row, text in zip(ids, texts, strict=True):
            pieces = self._ids_of(text)
            if pieces:
                row[: len(pieces) + 2] = [self.first, *pieces, self.last]
        return ids

    def tokens(self, text: str) -> list[Token]:
        """What stands at each position of `encode(text)` before the padding."""
        pieces = list(islice(self._tokens(text), MAX_TOKENS - 2))
        if not pieces:
            return []
        end = pieces[-1].end
        return [Token(self.first, "[CLS]", 0, 0), *pieces, Token(self.last, "[SEP]", end, end)]

    def truncated(self, text: str) -> bool:
        """Whether `text` has more tokens than `encode` keeps."""
        return sum(1 for _ in islice(self._tokens(text), MAX_TOKENS - 1)) > MAX_TOKENS - 2

    def _ids_of(self, text: str) -> list[int]:
        """At most MAX_TOKENS - 2 ids. The hot path: a look-up per run."""
        cached, ids = self._cache, list[int]()
        for run in text.split():
            pieces = cached.get(run) or self._run(run)
            ids += pieces.ids
            if len(ids) >= MAX_TOKENS - 2:
                return ids[: MAX_TOKENS - 2]
        return ids

    def _tokens(self, text: str) -> Iterator[Token]:
        for run in _RUN.finditer(text):
            at = run.start()
            pieces = self._cache.get(run.group()) or self._run(run.group())
            for number, (start, end) in zip(pieces.ids, pieces.places, strict=True):
                yield Token(number, self.vocabulary[number], at + start, at + end)

    def _run(self, run: str) -> _Pieces:
        """Pieces of one run, remembered unless it is of a kind that hardly repeats."""
        ids: list[int] = []
        places: list[tuple[int, int]] = []
        for text, start, end in words_of(run[:_MAX_RUN], self._splitter):
            split = self._word(text[:_MAX_WORD])
            ids += split
            places += [(start, end)] * len(split)
        pieces = _Pieces(tuple(ids), tuple(places))
        if len(run) <= _MAX_WORD and not run.startswith(("http", "@")):
            _remember(self._cache, run, pieces)
        return pieces

    def _word(self, word: str) -> tuple[int, ...]:
        """WordPiece, longest match first; a stretch of unknown letters is one [UNK]."""
        if word in self._split:
            return self._split[word]
        ids: list[int] = []
        at, mark = 0, ""
        while at < len(word):
            end = len(word)
            while end > at and mark + word[at:end] not in self._ids:
                end -= 1
            if end > at:
                ids.append(self._ids[mark + word[at:end]])
            elif not ids or ids[-1] != self.unknown:
                ids.append(self.unknown)
            at, mark = max(end, at + 1), "##"
        _remember(self._split, word, tuple(ids))
        return tuple(ids)


def _remember(cache: dict[str, V], key: str, value: V) -> None:
    if len(cache) >= _CACHE_SIZE:
        cache.clear()
    cache[key] = value
