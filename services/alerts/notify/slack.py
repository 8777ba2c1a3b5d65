"""Slack, by an incoming webhook: an attachment with a colour and blocks inside.

Limits are Block Kit's (docs.slack.dev/reference/block-kit/blocks): a section's text 3,000
characters, 10 fields of 2,000, 50 blocks, an address 3,000; all blocks together about 13,000.
Strangers' words stand in `plain_text` objects, which know no formatting, no links and no
mentions; our own are escaped as Slack wants it (`&`, `<`, `>`).
"""

from __future__ import annotations

import json
from typing import Any, Final

from services.alerts.notify.forms import byline, colour, fit, footer, web
from services.alerts.notify.http import Http
from services.alerts.notify.port import Fact, Message, ShownPost
from services.alerts.notify.reach import Reach

MAX_TITLE: Final = 300
MAX_TEXT: Final = 2_900
MAX_FACTS, MAX_FACT = 10, 200
MAX_POSTS, MAX_POST = 3, 600
MAX_LINK: Final = 1_000
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Block = dict[str, Any]


class Slack:
    """Repeats are shown twice: Slack's webhooks know no idempotency key."""

    name = "slack"
    repeats_are_dropped = False
    resend_every_s = None

    def __init__(self, url: str, reach: Reach) -> None:
        self._http = Http(self.name, url, reach, repeats_are_dropped=False)

    def send(self, message: Message) -> None:
        body = json.dumps(payload(message)).encode()
        self._http.post(body, {"Content-Type": "application/json"})

    def close(self) -> None:
        """Nothing is kept open."""


def payload(message: Message) -> dict[str, Any]:
    """What Slack shows: the title (also in notifications), and the rest in an attachment."""
    title = fit(message.title, MAX_TITLE, _escape)
    return {
        "text": f"*{title}*",
        "unfurl_links": False,
        "unfurl_media": False,
        "attachments": [
            {"color": f"#{colour(message):06x}", "fallback": title, "blocks": _blocks(message)}
        ],
    }


def _blocks(message: Message) -> list[Block]:
    blocks: list[Block] = []
    if message.text:
        blocks.append(_section(_marked(fit(message.text, MAX_TEXT, _escape))))
    if message.facts:
        facts = [_fact(fact) for fact in message.facts[:MAX_FACTS]]
        blocks.append({"type": "section", "fields": facts})
    for post in message.posts[:MAX_POSTS]:
        blocks += _post(post)
    if link := _link(message.link, "Open this moment on the dashboard"):
        blocks.append(_section(_marked(f"*{link}*")))
    return [*blocks, {"type": "context", "elements": [_plain(footer(message))]}]


def _fact(fact: Fact) -> Block:
    name, value = (fit(part, MAX_FACT, _escape) for part in (fact.name, fact.value))
    return _marked(f"*{name}*\n{value}")


def _post(post: ShownPost) -> list[Block]:
    """Its words, and below them whose they are and where it stands."""
    elements = [_plain(fit(byline(post), MAX_FACT))]
    if link := _link(post.url, "open"):
        elements.append(_marked(link))
    words = _plain(fit(f"“{post.text}”", MAX_POST))
    return [_section(words), {"type": "context", "elements": elements}]


def _section(text: Block) -> Block:
    return {"type": "section", "text": text}


def _marked(text: str) -> Block:
    """Slack's mark-up. `verbatim`: addresses and names in it are left alone."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _link(url: str, label: str) -> str:
    """Nothing where the address is none, or too long."""
    escaped = "".join(map(_escape, url))
    return f"<{escaped}|{label}>" if web(url) and len(escaped) <= MAX_LINK else ""


def _escape(character: str) -> str:
    return _ESCAPES.get(character, character)
