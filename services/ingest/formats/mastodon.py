"""Mastodon: statuses of the REST API, and the events of its streaming API.

Entities: docs.joinmastodon.org/entities/Status. `content` is HTML; a content
warning is part of what the author says and goes before it. A boost is a status
of its own around the original.

A status has an id on each server that knows it and one `uri` everywhere, so the
uri makes the id: `mastodon:host/id` for Mastodon's own, else the whole uri. A
`delete` event names the id on the server that sent it, hence `host`.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from services.errors import BadRecord
from services.ingest import times
from services.ingest.draft import MAX_PICTURES, Draft, Gone, Media, Parsed
from services.ingest.formats.json_text import JsonDecoder
from services.ingest.text import html_to_text
from services.records import POST, QUOTE, REPLY, REPOST

_OWN = re.compile(r"https?://([^/]+)/.*?statuses/(\d+)(?:/activity)?")


class Account(msgspec.Struct, gc=False):
    acct: str | None = None
    url: str | None = None


class Attachment(msgspec.Struct, gc=False):
    id: str | int | None = None
    type: str | None = None
    url: str | None = None
    remote_url: str | None = None
    description: str | None = None


class Quote(msgspec.Struct):
    quoted_status: Status | None = None


class Status(msgspec.Struct):
    id: str | int | None = None
    uri: str | None = None
    url: str | None = None
    created_at: str | None = None
    content: str | None = None
    spoiler_text: str | None = None
    language: str | None = None
    account: Account | None = None
    media_attachments: list[Attachment] | None = None
    in_reply_to_id: str | int | None = None
    reblog: Status | None = None
    quote: Quote | None = None


class Line(Status):
    event: str | None = None
    payload: str | None = None


_lines = JsonDecoder(Line)
_statuses = JsonDecoder(Status)


def parse(line: bytes, host: str = "") -> list[Parsed]:
    """The status, or what the event says. Without `host` a delete event can't be understood."""
    found = _lines.decode(line)
    if found.event is None:
        return [draft(found)]
    if found.event in ("update", "status.update"):
        return [draft(_statuses.decode((found.payload or "").encode()))]
    if found.event == "delete" and host and found.payload:
        return [Gone(f"mastodon:{host}/{found.payload}")]
    return []


def draft(status: Status) -> Draft:
    """The status; a boost has its own id, time and author, and the original's content."""
    content = status.reblog or status
    if content.content is None:
        raise BadRecord("missing_text", "a status without content")
    account = status.account or Account()
    quoted = status.quote.quoted_status if status.quote else None
    original = status.reblog or quoted
    return Draft(
        id=_id(status),
        platform="mastodon",
        created_at_ms=times.from_iso(status.created_at) if status.created_at else None,
        text=_text(content),
        author=_author(account),
        author_name=account.acct or "",
        lang=(content.language or "").partition("-")[0].lower(),
        kind=_kind(status, quoted),
        url=status.url or content.url or "",
        original_id=_id(original) if original else "",
        media=_media(content),
    )


def _id(status: Status) -> str:
    if not status.uri:
        if status.id is None:
            raise BadRecord("missing_id", "a status without uri or id")
        return f"mastodon:{_host(status.url) or 'unknown'}/{status.id}"
    own = _OWN.fullmatch(status.uri)
    return f"mastodon:{own[1]}/{own[2]}" if own else f"mastodon:{status.uri}"


def _author(account: Account) -> str:
    """`user@host`, the same wherever it was recorded: a server leaves its own host out."""
    if not account.acct or "@" in account.acct:
        return account.acct or ""
    host = _host(account.url)
    return f"{account.acct}@{host}" if host else account.acct


def _host(url: str | None) -> str:
    """The server that a URL is of, with its port; "" where it is no URL."""
    try:
        return urlsplit(url or "").netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _kind(status: Status, quoted: Status | None) -> str:
    if status.reblog is not None:
        return REPOST
    if quoted is not None:
        return QUOTE
    return REPLY if status.in_reply_to_id is not None else POST


def _text(status: Status) -> str:
    words = html_to_text(status.content or "")
    return f"{status.spoiler_text}\n\n{words}".strip() if status.spoiler_text else words


def _media(status: Status) -> tuple[Media, ...]:
    """Images; the server's own copy, since the remote one may be gone."""
    return tuple(
        Media(item.url or item.remote_url or "", str(item.id or ""), item.description or "")
        for item in status.media_attachments or ()
        if item.type == "image"
    )[:MAX_PICTURES]
