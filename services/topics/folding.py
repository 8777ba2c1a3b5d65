"""How text is compared: folding, and cutting into words.

Text is compared after NFKC normalisation and full case folding, without
variation selectors and joiners. A word is a run of letters, digits and marks;
punctuation, symbols and `_` part words, as X does it ("I like coca-cola" has
the words i, like, coca, cola). Web addresses are no words.

Scripts that write no spaces between words (Chinese, Japanese, Thai, Lao,
Khmer, Burmese, Tibetan) have no words to match: there each letter with its
marks is a token, and a term matches where its letters stand side by side, that
is, by substring. Korean parts words with spaces and is matched by word.

Each emoji is a token; skin tone is a token of its own, so that a plain emoji
in a query matches every tone.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

GAP: Final = "\0"
"""Token where letters of an unspaced script do not stand side by side."""

MAX_MARKS: Final = 30
"""Combining marks in a row that are kept, as Unicode's stream-safe format has it: normalising
takes time by the square of their number."""

_UNSPACED: Final = (
    "\u0e01-\u0e5b\u0e81-\u0edf\u0f00-\u0fbc\u1000-\u109f\u1780-\u17f9\u1950-\u19df"
    "\u1a20-\u1aad\u2e80-\u2fdf\u3005-\u3007\u3041-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_INTRICATE: Final = re.compile(
    "[^\x00-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u20a0-\u20bf\u2190-\u2bff"
    "\U0001f000-\U0001faff]"
)
"""Not found in most texts: those have neither marks nor unspaced scripts."""
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_INVISIBLE: Final = re.compile(
    "[\u00ad\u200c-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
"""Joiners, direction marks, variation selectors."""


def fold(text: str) -> str:
    """The form in which everything is compared."""
    if text.isascii():
        return text.lower()
    # Before NFKC, which would make the word `acmetm` of `Acme™`.
    text = text.replace("™", " ").replace("℠", " ").replace("’", "'").replace("\u200b", " ")
    text = _INVISIBLE.sub("", text)
    if _INTRICATE.search(text):
        text = _many_marks().sub(r"\1", text)
    text = unicodedata.normalize("NFKC", text).casefold()
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def tokens(folded: str) -> list[str]:
    """The words of folded text, in order."""
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    if not _INTRICATE.search(folded):
        return _spaced().findall(folded)
    word, unspaced = _any_script()
    if not unspaced.search(folded):
        return word.findall(folded)
    return _with_gaps(folded, word, unspaced)


def _with_gaps(folded: str, word: re.Pattern[str], unspaced: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    end, letters = 0, False
    for match in word.finditer(folded):
        now = unspaced.match(match[0]) is not None
        if (now or letters) and match.start() > end and found:
            found.append(GAP)
        found.append(match[0])
        end, letters = match.end(), now
    return found


@cache
def _spaced() -> re.Pattern[str]:
    """A token of a text with neither marks nor unspaced scripts."""
    return re.compile(f"[^\\W_]+|{_symbol()}")


@cache
def _any_script() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A token of any text, and a letter of an unspaced script."""
    letter = f"[^\\W_{_UNSPACED}]"
    word = re.compile(
        f"(?!{mark()})(?:[{_UNSPACED}]{mark()}*|{letter}(?:{letter}|{mark()})*)|{_symbol()}"
    )
    return word, re.compile(f"[{_UNSPACED}](?<!{mark()})")


def is_unspaced(token: str) -> bool:
    """Whether a token is a letter of a script that writes no spaces between words."""
    return not token.isascii() and _any_script()[1].match(token) is not None


@cache
def _symbol() -> str:
    """A flag, an emoji, a skin tone, another symbol."""
    return f"[\U0001f1e6-\U0001f1ff]{{2}}|[{_category('So')}\u203c\u2049\U0001f3fb-\U0001f3ff]"


@cache
def mark() -> str:
    """A combining mark, as a regular expression. Those beyond the first plane stand apart:
    all their ranges would be compared with every letter."""
    near, far = _category("M", 0x80, 0x10000), _category("M", 0x10000)
    return f"(?:[{near}]|(?=[\U00010000-\U0001ffff])[{far}])"


@cache
def _many_marks() -> re.Pattern[str]:
    one = f"(?:{mark()}|[\uff9e\uff9f])"  # halfwidth letters that normalising makes marks of
    return re.compile(f"({one}{{{MAX_MARKS}}}){one}+")


def _category(prefix: str, first: int = 0x80, last: int = 0x20000) -> str:
    """All characters of a Unicode category, as the inside of a regular expression's `[]`."""
    ranges: list[list[int]] = []
    for code in range(first, last):
        if unicodedata.category(chr(code)).startswith(prefix):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in ranges)
