"""Discord, by a channel's webhook: one embed, with the picture uploaded beside it.

Limits are Discord's (discord.com/developers/docs/resources/message#embed-object-embed-limits):
title 256 characters, description 4,096, 25 fields of 256 and 1,024, footer 2,048, and 6,000 in
all. Nobody is mentioned (`allowed_mentions`), and what would be Markdown is escaped.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any, Final

from services.alerts.notify.forms import byline, colour, fit, footer, iso, size, web
from services.alerts.notify.http import Http
from services.alerts.notify.port import Message, ShownPost
from services.alerts.notify.reach import Reach

MAX_TITLE: Final = 256
MAX_TEXT: Final = 2_500
MAX_FACTS, MAX_NAME, MAX_VALUE = 12, 100, 300
MAX_POSTS, MAX_POST = 3, 700
MAX_TOTAL: Final = 6_000
MAX_LINK: Final = 2_000
PICTURE: Final = "picture.jpg"
_MARKS: Final = frozenset("\\*_~`|><#[]()@-+:")


class Discord:
    """Repeats are shown twice: Discord's webhooks know no idempotency key."""

    name = "discord"
    repeats_are_dropped = False
    resend_every_s = None

    def __init__(self, url: str, reach: Reach) -> None:
        waiting = f"{url}{'&' if '?' in url else '?'}wait=true"  # answered once it is stored
        self._http = Http(self.name, waiting, reach, repeats_are_dropped=False)

    def send(self, message: Message) -> None:
        body = json.dumps(payload(message)).encode()
        if message.picture is None:
            self._http.post(body, {"Content-Type": "application/json"})
            return
        boundary = blake2b(message.key.encode() + message.picture, digest_size=16).hexdigest()
        kind = f"multipart/form-data; boundary={boundary}"
        self._http.post(_multipart(boundary, body, message.picture), {"Content-Type": kind})

    def close(self) -> None:
        """Nothing is kept open."""


def payload(message: Message) -> dict[str, Any]:
    """The message as Discord takes it; the picture is named, not in it."""
    embed: dict[str, Any] = {
        "title": fit(message.title, MAX_TITLE, _escape),
        "description": fit(message.text, MAX_TEXT, _escape),
        "color": colour(message),
        "timestamp": iso(message.event.alert.changed_ms),
        "footer": {"text": fit(footer(message), MAX_VALUE)},
        "fields": [],
    }
    if _is_link(message.link):
        embed["url"] = message.link
    if message.picture is not None:
        embed["image"] = {"url": f"attachment://{PICTURE}"}
    fields = [_field(fact.name, fact.value, inline=True) for fact in message.facts[:MAX_FACTS]]
    embed["fields"] = _within(embed, fields + [_post(post) for post in message.posts[:MAX_POSTS]])
    return {"username": "Undertone", "allowed_mentions": {"parse": []}, "embeds": [embed]}


def _field(name: str, value: str, inline: bool) -> dict[str, Any]:
    return {
        "name": fit(name, MAX_NAME, _escape) or ELSE,
        "value": fit(value, MAX_VALUE, _escape) or ELSE,
        "inline": inline,
    }


ELSE: Final = "\u200b"
"""A field may not be empty."""


def _post(post: ShownPost) -> dict[str, Any]:
    words = fit(f"“{post.text}”", MAX_POST, _escape)
    link = f"\n[open]({post.url})" if _is_link(post.url) and len(post.url) < MAX_VALUE else ""
    return {"name": fit(byline(post), MAX_NAME, _escape), "value": words + link, "inline": False}


def _within(embed: dict[str, Any], fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fields that still have room, in their order."""
    used = sum(size(t) for t in (embed["title"], embed["description"], embed["footer"]["text"]))
    kept = []
    for field in fields:
        used += size(field["name"]) + size(field["value"])
        if used > MAX_TOTAL:
            break
        kept.append(field)
    return kept


def _is_link(url: str) -> bool:
    """Whether Discord takes it as an address, and Markdown as one piece."""
    return bool(web(url)) and len(url) <= MAX_LINK and not any(c in "()" for c in url)


def _escape(character: str) -> str:
    return f"\\{character}" if character in _MARKS else character


def _multipart(boundary: str, document: bytes, picture: bytes) -> bytes:
    """RFC 7578. The boundary is a digest of the picture, so the picture does not hold it."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="'
    return b"".join(
        (
            f'{head}payload_json"\r\nContent-Type: application/json\r\n\r\n'.encode(),
            document,
            f'\r\n{head}files[0]"; filename="{PICTURE}"\r\n'.encode(),
            b"Content-Type: image/jpeg\r\n\r\n",
            picture,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
