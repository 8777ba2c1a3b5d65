"""What the forms of several receivers share: lengths, escapes, colours, times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from services.alerts.notify.port import Message, ShownPost

ELLIPSIS: Final = "…"
GREEN: Final = 0x2E9E5B
COLOURS: Final = {"info": 0x2E77D0, "warning": 0xE69500, "critical": 0xC62828}
"""0xRRGGBB by severity; green for what is over."""
_WEB: Final = re.compile(r"https?://[^\s\"'<>\\^`{|}]+")


def size(text: str) -> int:
    """Length in UTF-16 units, the most that any receiver counts."""
    return len(text) + sum(ord(c) > 0xFFFF for c in text)


def fit(text: str, most: int, escape: Callable[[str], str] = str) -> str:
    """`text` escaped character by character, cut so that it takes `most` UTF-16 units."""
    whole = "".join(map(escape, text))
    if size(whole) <= most:
        return whole
    kept, used = [], size(ELLIPSIS)
    for character in text:
        shown = escape(character)
        used += size(shown)
        if used > most:
            break
        kept.append(shown)
    return "".join(kept).rstrip() + ELLIPSIS


def printable(text: str) -> str:
    """Without control characters and what turns the direction of writing; in one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def masked(text: str, secrets: Iterable[str]) -> str:
    """What somebody else said, without the secrets that we told them."""
    for secret in filter(None, secrets):
        text = text.replace(secret, ELLIPSIS)
    return text


def web(url: str) -> str:
    """The address where it is one that may be clicked on; else empty."""
    return url if _WEB.fullmatch(url) and url.isprintable() else ""


def colour(message: Message) -> int:
    alert = message.event.alert
    return GREEN if alert.state == "resolved" else COLOURS[alert.severity]


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def iso(ms: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def byline(post: ShownPost) -> str:
    """Who wrote it, and how it was read: "ann · negative (−0.93)"."""
    score = f"{post.score:+.2f}".replace("-", "−")
    return f"{post.author or 'unknown author'} · {post.label} ({score})"


def footer(message: Message) -> str:
    """Where it comes from, for whoever asks back."""
    alert = message.event.alert
    return f"Undertone · rule {alert.rule} · {alert.severity} · alert {alert.id}"
