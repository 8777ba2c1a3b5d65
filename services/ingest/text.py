"""Text as the platforms write it, to text as a person reads it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_SPACES = re.compile(r"[ \t\r\f\v]+")
_BLANK = re.compile(r" *\n *")
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,20})|<[!?]")
_IN_TAG = re.compile(r"=\s*([\"'])|>")


def unescape_x(text: str) -> str:
    """X escapes `&`, `<` and `>` in texts, and nothing else; once, so one layer comes off."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def sound(text: str) -> str:
    """The text with lone surrogates, which no encoding can carry, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def sound_json(value: object) -> object:
    """A decoded JSON value with every string made `sound`."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, list):
        return [sound_json(item) for item in value]
    if isinstance(value, dict):
        return {sound(key): sound_json(item) for key, item in value.items()}
    return value


def html_to_text(content: str) -> str:
    """Mastodon's `content` as plain text; paragraphs are parted by an empty line.

    A link is shown as `<span class="invisible">https://</span><span class="ellipsis">…`;
    its words are the whole URL. Mentions and hashtags read as they stand.
    """
    parts: list[str] = []
    for piece in _pieces(content):
        if piece.tag == "br":
            parts.append("\n")
        elif piece.tag in ("p", "div", "blockquote", "li", "pre") and parts:
            parts.append("\n\n" if piece.tag == "p" else "\n")
        parts.append(_unescaped(piece.text).replace("\n", " "))
    return _BLANK.sub("\n", _SPACES.sub(" ", "".join(parts))).strip()


class _Piece(NamedTuple):
    """A tag that opens, in lower case ("" for none), and the text behind it."""

    tag: str
    text: str


def _pieces(content: str) -> Iterator[_Piece]:
    """Tags and text, in one pass: the parser of the standard library takes time by the square of
    what is left open. What is open at the end is text, as it stands."""
    tag, at = "", 0
    while found := _TAG.search(content, at):
        end = _end(content, found)
        if end < 0:
            break
        yield _Piece(tag, content[at : found.start()])
        tag, at = "" if found[1] or not found[2] else found[2].lower(), end
        if tag in ("script", "style"):
            closing = re.compile(f"</{tag}", re.IGNORECASE).search(content, at)
            at = closing.start() if closing else len(content)
    yield _Piece(tag, content[at:])


def _end(content: str, found: re.Match[str]) -> int:
    """Behind a tag or a comment; -1 where it is not closed. A `>` in quotes closes no tag."""
    if content.startswith("<!--", found.start()):
        closing = content.find("-->", found.end())
        return closing + 3 if closing >= 0 else -1
    at = found.end()
    while sign := _IN_TAG.search(content, at):
        if sign[1] is None:
            return sign.end()
        at = content.find(sign[1], sign.end()) + 1
        if not at:
            break
    return -1


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a character's number of thousands of digits
        return text
