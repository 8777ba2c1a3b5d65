"""A tweet's words, each with the place in the original text that it came from.

Torch-free. Tweets are not the prose that the encoder's vocabulary was made
from: this file turns what stands in them into words it knows.

    links               the one word "http"
    mentions            "@"
    #ThrowbackThursday  throwback thursday (camel case, digits, then frequency)
    emoji               the words of their Unicode name; flags are "flag"
    :) <3               smile, love
    sooooo              so (the longest form in the vocabulary)
    don't, dont, I'm    do not, i am
    RT                  nothing

Characters are compared in their compatibility form (NFKD, marks removed, lower
case), which is NFKC followed by what an uncased BERT does. It is taken one
character at a time, so that every word keeps its offsets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import inf, log
from typing import NamedTuple

URL_WORD = "http"
MENTION_WORD = "@"
NUMBER_WORD = "number"

EMOTICONS = {
    ":)": "smile", ":-)": "smile", "(:": "smile", "=)": "smile", ":]": "smile", "^_^": "smile",
    ":d": "laugh", ":-d": "laugh", "=d": "laugh", "xd": "laugh",
    ":(": "sad", ":-(": "sad", "):": "sad", "=(": "sad", ":[": "sad",
    ":'(": "crying", ";(": "crying", "t_t": "crying",
    ";)": "wink", ";-)": "wink", ":p": "joking", ":-p": "joking", ";p": "joking",
    ":/": "unsure", ":-/": "unsure", ":o": "surprised", "o_o": "surprised",
    "<3": "love", "</3": "heartbroken", "-_-": "annoyed", ">:(": "angry", ":*": "kiss",
}  # fmt: skip

CONTRACTIONS = {
    "won't": "will not", "can't": "can not", "shan't": "shall not", "ain't": "is not",
    "wont": "will not", "cant": "can not", "dont": "do not", "didnt": "did not",
    "doesnt": "does not", "isnt": "is not", "wasnt": "was not", "arent": "are not",
    "werent": "were not", "couldnt": "could not", "wouldnt": "would not", "havent": "have not",
    "shouldnt": "should not", "hasnt": "has not", "aint": "is not", "im": "i am",
    "ive": "i have", "youre": "you are", "theyre": "they are", "thats": "that is",
    "y'all": "you all", "let's": "let us",
}  # fmt: skip
_SUFFIXES = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_FACES = "|".join(re.escape(face) for face in sorted(EMOTICONS, key=len, reverse=True))
_UNIT = re.compile(
    rf"""(?P<url>https?[:/][!-~]*|www\.[!-~]+|pic\.twitter\.com/[!-~]*)
    |(?P<mention>(?<!\w)@\w+(?:@[\w.-]*\w|(?:\.[\w-]+)+\.[a-z]{{2,}})?:?)
    |(?P<hashtag>\#\w+)
    |(?P<emoticon>(?<!\w)(?:{_FACES})(?!\w))
    |(?P<cjk>[{_CJK}])
    |(?P<word>[^\W_{_CJK}]+(?:'[^\W_{_CJK}]+)*)
    |(?P<mark>([^\w\s])\8*)""",
    re.VERBOSE | re.IGNORECASE,
)
_BARE = re.compile(r"([A-Za-z]+)([,.!?]?)")
_CAMEL = re.compile(r"\d+|[A-Z]{2,}(?![a-z])|[A-Z]?[^\WA-Z\d_]+|[A-Z]")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_APOSTROPHES = dict.fromkeys("\u2018\u2019\u02bc\u0060\u00b4", "'")
_SHADES = {"sign", "symbol", "heavy", "black", "white", "medium", "of", "with", "and"}
_SHORT = {
    "i", "a", "an", "am", "as", "at", "be", "by", "do", "go", "he", "hi", "if", "in", "is", "it",
    "me", "my", "no", "of", "oh", "on", "or", "so", "to", "up", "us", "we",
}  # fmt: skip
_GLUED = 12  # letters from which even a part of a camel-cased tag is taken for several words
_RARER = 5.0  # "soo" is so much rarer than "so" that "soooo" is "so"; "tooo" stays "too"
_MAX_MARKS = 3  # "!!!!!!" says no more than "!!!"
_MAX_DIGITS = 4  # longer numbers are prices, ids and telephones: one word


class Word(NamedTuple):
    """A lower-case word; `start`, `end` are offsets of what it was made from."""

    text: str
    start: int
    end: int


class Splitter:
    """Splits glued words by frequency: the cheapest sequence of known words.

    `words` come most frequent first. A word's cost is the logarithm of its
    rank (Zipf), so that few frequent words win over many rare ones.
    """

    def __init__(self, words: list[str]) -> None:
        known = [w for w in words if w.isalpha() and (len(w) > 1 or w in ("a", "i"))]
        scale = log(len(known) + 2)
        self.cost = {
            word: log((rank + 2) * scale) + _shortness(word) for rank, word in enumerate(known)
        }
        self.longest = max(map(len, self.cost), default=1)

    def split(self, text: str) -> list[str]:
        """The words of `text` (lower case); a stretch of unknown letters stays whole."""
        if text in self.cost or len(text) > 60:
            return [text]
        costs, starts = [0.0], [0]  # of the cheapest words up to here, and of the last of them
        for end in range(1, len(text) + 1):
            cheapest, start = inf, 0
            for at in range(max(0, end - self.longest), end):
                known = self.cost.get(text[at:end])
                word = 10.0 + 3.5 * (end - at) if known is None else known
                if costs[at] + word < cheapest:
                    cheapest, start = costs[at] + word, at
            costs.append(cheapest)
            starts.append(start)
        cuts = [len(text)]
        while cuts[-1] > 0:
            cuts.append(starts[cuts[-1]])
        cuts.reverse()
        return [text[a:b] for a, b in pairwise(cuts)]


def _shortness(word: str) -> float:
    """Vocabularies list most pairs of letters as words: "in st a good" is no split."""
    return 8.0 if len(word) <= 2 and word not in _SHORT else 0.0


def words_of(run: str, splitter: Splitter) -> Iterator[Word]:
    """Words of one whitespace-free run of a text; offsets count from its start."""
    bare = _BARE.fullmatch(run)
    if bare and run not in ("RT", "rt") and bare[1].lower() not in EMOTICONS:
        # Most runs are one word and perhaps a mark: no need to look for what else they may be.
        word, mark = bare.groups()
        for text in _word(word.lower(), splitter.cost):
            yield Word(text, 0, len(word))
        if mark:
            yield Word(mark, len(word), len(run))
        return
    plain, places = _plain(run)
    if plain in ("RT", "rt"):
        return
    for unit in _UNIT.finditer(plain):
        kind, at = unit.lastgroup or "", unit.start()
        for text, start, end in _unit_words(kind, unit.group(), splitter):
            yield Word(text, places[at + start], places[at + end - 1] + 1)


def _unit_words(kind: str, text: str, splitter: Splitter) -> Iterator[tuple[str, int, int]]:
    """(word, start, end) of one unit, offsets within it."""
    whole = len(text)
    if kind == "url":
        yield URL_WORD, 0, whole
    elif kind == "mention":
        yield MENTION_WORD, 0, whole
    elif kind == "emoticon":
        yield EMOTICONS[text.lower()], 0, whole
    elif kind == "hashtag":
        yield from _hashtag(text, splitter)
    elif kind == "word":
        yield from ((word, 0, whole) for word in _word(text.lower(), splitter.cost))
    elif kind == "cjk":
        yield text, 0, 1
    else:
        yield from ((text[0], i, i + 1) for i in range(min(whole, _MAX_MARKS)))


def _hashtag(text: str, splitter: Splitter) -> Iterator[tuple[str, int, int]]:
    """#ThrowbackThursday, #yolo2015, #jammingatmydesk: words with their places."""
    parts = list(_CAMEL.finditer(text))
    for part in parts:
        at, letters = part.start(), part.group().lower()
        whole = len(parts) > 1 and len(letters) <= _GLUED
        for word in [letters] if whole else splitter.split(letters):
            for known in _word(word, splitter.cost):
                yield known, at, at + len(word)
            at += len(word)


def _word(word: str, known: dict[str, float]) -> list[str]:
    """Contractions in full, numbers and stretched words in a form that is known."""
    if word in CONTRACTIONS:
        return CONTRACTIONS[word].split()
    if word.isdigit() and len(word) > _MAX_DIGITS:
        return [NUMBER_WORD]
    stem, quote, tail = word.rpartition("'")
    if quote and tail == "t" and stem.endswith("n"):
        return [_relaxed(stem[:-1], known), "not"]
    if quote:
        return [*_word(stem, known), *_SUFFIXES.get(quote + tail, quote + " " + tail).split()]
    return [_relaxed(word, known)]


def _relaxed(word: str, known: dict[str, float]) -> str:
    """A stretched word ("gooood", "yesss") with two of the letter, or one, if known."""
    if not _STRETCHED.search(word):
        return word
    double = _STRETCHED.sub(r"\1\1", word)
    single = _STRETCHED.sub(r"\1", word)
    rare = known.get(double, inf) > known.get(single, inf) + _RARER
    return single if rare else double


def _plain(run: str) -> tuple[str, Sequence[int]]:
    """The run in comparable characters, and for each the offset it came from."""
    if run.isascii() and run.isprintable() and "`" not in run:
        return run, range(len(run))
    out: list[str] = []
    places: list[int] = []
    for offset, char in enumerate(run):
        replaced = _APOSTROPHES.get(char) or _comparable(char)
        out.append(replaced)
        places.extend([offset] * len(replaced))
    return "".join(out).replace(" flag  flag ", " flag       "), places


@lru_cache(maxsize=20_000)
def _comparable(char: str) -> str:
    """NFKD without marks and controls; a symbol becomes the words of its name."""
    if "\U0001f1e6" <= char <= "\U0001f1ff":  # two regional indicators make a flag
        return " flag "
    if "\U0001f3fb" <= char <= "\U0001f3ff":  # skin tones
        return ""
    if unicodedata.category(char) == "So" and unicodedata.normalize("NFKD", char) == char:
        return f" {_symbol_words(char)} "
    return "".join(
        c for c in unicodedata.normalize("NFKD", char) if unicodedata.category(c)[0] not in "MC"
    )


def _symbol_words(char: str) -> str:
    """FACE WITH TEARS OF JOY -> face tears joy; unnamed ones are left as they are."""
    name = unicodedata.name(char, "").lower().replace("-", " ")
    return " ".join(word for word in name.split() if word not in _SHADES) or char
