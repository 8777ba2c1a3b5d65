"""What may rise in a post: its words, two-word phrases and hashtags.

In scripts that write no spaces, stretches of letters take the place of words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from services.stop_words import STOP_WORDS
from services.topics.folding import GAP, fold, is_unspaced, tokens
from services.topics.words import running_text

LONGEST: Final = 6
"""Letters of a stretch in a script without spaces."""
_SENTENCES: Final = re.compile(r"[.,;:!?…\n()\[\]\"“”«»|–—。、！？「」]+")

_KATAKANA: Final = re.compile("[\u30a1-\u30ff]")
_RUNS: Final = re.compile("[\u30a1-\u30ff]{2,}|[^\\s\u3041-\u309f\u30a1-\u30ff]{2,}")
"""Japanese changes its script between words: Katakana is a word, Hiragana is mostly grammar."""


def terms(text: str, leave_out: AbstractSet[str] = frozenset()) -> set[str]:
    """Words, two-word phrases and hashtags of a post, folded; without stop words.

    What is to be left out is in no phrase of two, and parts stretches without spaces.
    """
    plain, hashtags = running_text(fold(text))
    found = set(hashtags)
    for sentence in _SENTENCES.split(plain):
        found |= set(_of_sentence(tokens(sentence), leave_out))
    return found


def _of_sentence(words: Sequence[str], leave_out: AbstractSet[str]) -> Iterator[str]:
    last = ""
    letters: list[str] = []
    for word in words:
        if is_unspaced(word):
            letters.append(word)
            last = ""
            continue
        yield from _stretches(letters, leave_out)
        letters = []
        good = word != GAP and _says_something(word)
        if good:
            yield word
        good = good and word not in leave_out
        if good and last and last != word:
            yield f"{last} {word}"
        last = word if good else ""
    yield from _stretches(letters, leave_out)


def _says_something(word: str) -> bool:
    if word in STOP_WORDS:
        return False
    if len(word) == 1:
        return unicodedata.category(word) == "So"  # an emoji
    return len(word) > 2 or not word.isdigit()


def _stretches(letters: Sequence[str], leave_out: AbstractSet[str]) -> Iterator[str]:
    """What may be words of a stretch without spaces; letters that the query asks for part it."""
    plain = "".join(letters)
    for own in leave_out:
        if own and is_unspaced(own[0]):
            plain = plain.replace(own, " ")
    last, end = "", -1
    for run in _RUNS.finditer(plain):
        word = run[0]
        if _KATAKANA.match(word):
            yield word
        else:
            yield from _parts(word)
        if last and run.start() == end and len(last) + len(word) <= 2 * LONGEST:
            yield last + word
        last, end = word, run.end()


def _parts(run: str) -> Iterator[str]:
    """Two to LONGEST letters that stand side by side, none parted from its marks."""
    borders = [i for i, c in enumerate(run) if not unicodedata.category(c).startswith("M")]
    borders.append(len(run))
    for place, start in enumerate(borders):
        for stop in borders[place + 2 : place + LONGEST + 1]:
            yield run[start:stop]
