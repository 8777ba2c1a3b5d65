"""Text as the platforms write it, to text as a person reads it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SPACES = re.compile(r"[ \t\r\f\v]+")
_BLANK = re.compile(r" *\n *")


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


class _Reader(HTMLParser):
    """Collects the text of Mastodon's HTML: paragraphs, breaks, shortened links, mentions.

    A link is shown as `<span class="invisible">https://</span><span class="ellipsis">…`;
    its words are the whole URL. Mentions and hashtags read as they stand.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag in ("p", "div", "blockquote", "li", "pre") and self.parts:
            self.parts.append("\n\n" if tag == "p" else "\n")
        elif tag in ("script", "style"):
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style") and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data.replace("\n", " "))


def html_to_text(html: str) -> str:
    """Mastodon's `content` as plain text; paragraphs are parted by an empty line."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return _BLANK.sub("\n", _SPACES.sub(" ", "".join(reader.parts))).strip()
