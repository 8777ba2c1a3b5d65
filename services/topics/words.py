"""From a post to the features that topic queries ask for: words, tags, names, kind, language.

Web addresses are no words. `folding.py` says how text is compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from services.records import POST, QUOTE, REPLY, REPOST
from services.topics.folding import fold, mark, tokens

KINDS: Final = {POST: "is:post", REPOST: "is:repost", REPLY: "is:reply", QUOTE: "is:quote"}

_SIGNS: Final = re.compile("[#@$]|://")
_URL: Final = re.compile(r"https?://[!-~]*")
_ASCII_HASHTAG: Final = re.compile(r"(?<![\w&])#(?![0-9_]+\b)(\w+)")
_MENTION: Final = re.compile(r"(?<![\w@])@(\w+(?:[.-]\w+)*(?:@\w+(?:[.-]\w+)*)?)", re.ASCII)
_CASHTAG: Final = re.compile(r"(?<![\w$])\$([a-z]{1,6}(?:[._][a-z]{1,2})?)(?![\w$])")


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
        entities: set[str] = set()
        words = self.text
        if _SIGNS.search(words):
            words, entities = _entities(words)
        self.tokens = tokens(words)
        keys = entities.union(self.tokens)
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


def join(words: list[str] | tuple[str, ...]) -> str:
    return f" {' '.join(words)} "


def _entities(folded: str) -> tuple[str, set[str]]:
    """The text without its web addresses, and the keys of what is named in it."""
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
    return folded, keys


def running_text(folded: str) -> tuple[str, list[str]]:
    """The text without web addresses, mentions and hashtags, and the hashtags."""
    folded = _MENTION.sub(" ", _URL.sub(" ", folded)) if _SIGNS.search(folded) else folded
    if "#" not in folded:
        return folded, []
    return _hashtag().sub(" ", folded), [f"#{name}" for name in _hashtag().findall(folded)]


def _named(sign: str, has: str, names: list[str]) -> set[str]:
    """Keys of the entities found; a handle `acme.bsky.social` or `acme@host` is also `acme`."""
    keys = {sign + name for name in names}
    if sign == "@":
        keys |= {sign + re.split(r"[.@]", name, maxsplit=1)[0] for name in names}
    return keys | {has} if keys else keys


@cache
def _hashtag() -> re.Pattern[str]:
    return re.compile(f"(?<![\\w&])#(?![0-9_]+\\b)((?:\\w|{mark()})+)")


def hashtag_name(folded: str) -> bool:
    """Whether `#` before this makes one hashtag of all of it."""
    return _hashtag().fullmatch(f"#{folded}") is not None


def mention_name(folded: str) -> bool:
    return _MENTION.fullmatch(f"@{folded}") is not None


def cashtag_name(folded: str) -> bool:
    return _CASHTAG.fullmatch(f"${folded}") is not None
