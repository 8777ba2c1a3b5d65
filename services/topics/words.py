"""From a post's text to the features that topic queries ask for.

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
from dataclasses import dataclass
from functools import cache
from typing import Final

from services.records import POST, QUOTE, REPLY, REPOST

GAP: Final = "\0"
"""Token where letters of an unspaced script do not stand side by side."""

KINDS: Final = {POST: "is:post", REPOST: "is:repost", REPLY: "is:reply", QUOTE: "is:quote"}

_UNSPACED: Final = (
    "\u0e01-\u0e5b\u0e81-\u0edf\u0f00-\u0fbc\u1000-\u109f\u1780-\u17f9\u1950-\u19df"
    "\u1a20-\u1aad\u2e80-\u2fdf\u3005-\u3007\u3041-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_URL: Final = re.compile(r"https?://[!-~]*")
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_ASCII_HASHTAG: Final = re.compile(r"(?<![\w&])#(?![0-9_]+\b)(\w+)")
_MENTION: Final = re.compile(r"(?<![\w@])@(\w+(?:[.-]\w+)*(?:@\w+(?:[.-]\w+)*)?)", re.ASCII)
_CASHTAG: Final = re.compile(r"(?<![\w$])\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?![\w$])")
_INVISIBLE: Final = re.compile(
    "[\u00ad\u200c-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
"""Joiners, direction marks, variation selectors."""
_EARLY: Final = {0x2122: " ", 0x2120: " ", 0x2019: "'", 0x200B: " "}
"""Before NFKC, which would make the word `acmetm` of `Acme™`."""


@dataclass(frozen=True, slots=True)
class PostView:
    """What a query may ask of a post. `platform` is what `source:` compares."""

    text: str
    lang: str = ""
    platform: str = ""
    author: str = ""
    author_name: str = ""
    kind: str = POST
    has_images: bool = False


class Features:
    """A post as keys (`acme`, `#acme`, `@acme`, `$acme`, `from:…`, `is:…`) and running text."""

    __slots__ = ("_joined", "keys", "text", "tokens")

    def __init__(self, view: PostView) -> None:
        self.text = fold(view.text)
        self.tokens = tokens(self.text)
        keys = set(self.tokens)
        if not self.text.isascii() or not _PLAIN.isdisjoint(self.text):
            keys |= _entities(self.text)
        keys.add(KINDS.get(view.kind, ""))
        keys.add(f"source:{fold(view.platform)}")
        if view.has_images:
            keys.add("has:images")
        if view.lang:
            lang = fold(view.lang).replace("_", "-")
            keys |= {f"lang:{lang}", f"lang:{lang.partition('-')[0]}"}
        keys |= {
            f"from:{fold(name).removeprefix('@')}"
            for name in (view.author, view.author_name)
            if name
        }
        self.keys = keys
        self._joined: str | None = None

    @property
    def joined(self) -> str:
        """Tokens with spaces between and around, in which phrases are looked for."""
        if self._joined is None:
            self._joined = join(self.tokens)
        return self._joined


_PLAIN: Final = frozenset("#@$:")
"""Without these, ASCII text has no entity."""


def join(words: list[str] | tuple[str, ...]) -> str:
    return f" {' '.join(words)} "


def fold(text: str) -> str:
    """The form in which everything is compared."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text.translate(_EARLY))).casefold()
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def tokens(folded: str) -> list[str]:
    """The words of folded text, in order."""
    if "://" in folded:
        folded = _URL.sub(" ", folded)
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    word, unspaced = _patterns()
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


def _entities(folded: str) -> set[str]:
    keys: set[str] = set()
    if "://" in folded:
        keys.add("has:links")
        folded = _URL.sub(" ", folded)
    if "#" in folded:
        hashtag = _ASCII_HASHTAG if folded.isascii() else _hashtag()
        keys |= _named("#", "has:hashtags", hashtag.findall(folded))
    if "@" in folded:
        keys |= _named("@", "has:mentions", _MENTION.findall(folded))
    if "$" in folded:
        keys |= _named("$", "has:cashtags", _CASHTAG.findall(folded))
    return keys


def _named(sign: str, has: str, names: list[str]) -> set[str]:
    """Keys of the entities found; a handle `acme.bsky.social` or `acme@host` is also `acme`."""
    keys = {sign + name for name in names}
    if sign == "@":
        keys |= {sign + re.split(r"[.@]", name, maxsplit=1)[0] for name in names}
    return keys | {has} if keys else keys


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A token, and a letter of an unspaced script. Made at the first text that is not ASCII."""
    marks, symbols = _category("M"), _category("So")
    unspaced = re.compile(f"(?![{marks}])[{_UNSPACED}]")
    word = re.compile(
        f"(?![{marks}])(?:[{_UNSPACED}][{marks}]*|[^\\W_{_UNSPACED}](?:[^\\W_{_UNSPACED}]|[{marks}])*)"
        f"|[\U0001f1e6-\U0001f1ff]{{2}}|[{symbols}\u203c\u2049\U0001f3fb-\U0001f3ff]"
    )
    return word, unspaced


@cache
def _hashtag() -> re.Pattern[str]:
    marks = _category("M")
    return re.compile(f"(?<![\\w&])#(?![0-9_]+\\b)((?:\\w|[{marks}])+)")


def hashtag_name(folded: str) -> bool:
    """Whether `#` before this makes one hashtag of all of it."""
    return _hashtag().fullmatch(f"#{folded}") is not None


def mention_name(folded: str) -> bool:
    return _MENTION.fullmatch(f"@{folded}") is not None


def cashtag_name(folded: str) -> bool:
    return _CASHTAG.fullmatch(f"${folded}") is not None


def _category(prefix: str) -> str:
    """All characters of a Unicode category, as the inside of a regular expression's `[]`."""
    ranges: list[list[int]] = []
    for code in range(0x80, 0x20000):
        if unicodedata.category(chr(code)).startswith(prefix):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
