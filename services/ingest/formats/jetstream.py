"""Bluesky's Jetstream: JSON events of every collection, of which posts are taken.

Events: github.com/bluesky-social/jetstream; posts: lexicon app.bsky.feed.post.
Nine of ten events are likes, follows and reposts; they are known by one search
for the collection's name and never decoded. A post is written by its client,
`createdAt` included; `time_us` is when the server had it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from services.errors import BadRecord
from services.ingest import times
from services.ingest.draft import MAX_PICTURES, Draft, Gone, Media, Parsed
from services.ingest.formats.json_text import JsonDecoder
from services.records import POST, QUOTE, REPLY

COLLECTION = "app.bsky.feed.post"
_MARK = b'"app.bsky.feed.post"'
PICTURE = "https://cdn.bsky.app/img/feed_thumbnail/plain/{did}/{cid}@jpeg"
"""Bluesky's smaller rendition; the bytes of the upload itself are on the author's server."""


class Ref(msgspec.Struct, gc=False):
    link: str | None = msgspec.field(default=None, name="$link")


class Blob(msgspec.Struct, gc=False):
    ref: Ref | None = None
    cid: str | None = None


class Image(msgspec.Struct, gc=False):
    image: Blob | None = None
    alt: str | None = None


class Reference(msgspec.Struct, gc=False):
    """Of a quote: `uri` stands here, or one level deeper beside media."""

    uri: str | None = None
    record: Reference | None = None


class Embed(msgspec.Struct, gc=False):
    type: str | None = msgspec.field(default=None, name="$type")
    images: list[Image] | None = None
    media: Embed | None = None
    record: Reference | None = None


class Record(msgspec.Struct, gc=False):
    text: str | None = None
    created_at: str | None = msgspec.field(default=None, name="createdAt")
    langs: list[str] | None = None
    embed: Embed | None = None
    reply: msgspec.Raw = msgspec.Raw()


class Commit(msgspec.Struct, gc=False):
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: Record | None = None


class Envelope(msgspec.Struct, gc=False):
    """Everything but the record, so that records of other collections are never judged."""

    collection: str = ""
    operation: str = ""


class EventHead(msgspec.Struct, gc=False):
    did: str = ""
    commit: Envelope | None = None


Microseconds = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
"""Since 1970; what is no number of 64 bits can't be passed on."""


class Event(msgspec.Struct, gc=False):
    did: str = ""
    time_us: Microseconds = 0
    kind: str = ""
    commit: Commit | None = None


_heads = JsonDecoder(EventHead)
_events = JsonDecoder(Event)


def parse(line: bytes) -> list[Parsed]:
    """The post, the deletion of one, or nothing."""
    if _MARK not in line:
        return _other(line)
    head = _heads.decode(line).commit
    if head is None or head.collection != COLLECTION or head.operation == "update":
        return []
    event = _events.decode(line)
    commit = event.commit
    if commit is None or not event.did or not commit.rkey:
        raise BadRecord("missing_id", "an event without did or rkey")
    id_text = f"bluesky:{event.did}/{commit.rkey}"
    if commit.operation == "delete":
        return [Gone(id_text, event.time_us // 1000 or None)]
    if commit.record is None or commit.record.text is None:
        raise BadRecord("missing_text", f"{id_text} is created without a text")
    return [_draft(event, commit.rkey, commit.record)]


def _other(line: bytes) -> list[Parsed]:
    """Known by its ends where it is whole; what looks cut or strange is decoded, and may fail."""
    if line.startswith(b'{"did"') and line.endswith(b"}"):
        return []
    if not _heads.decode(line).did:
        raise BadRecord("not_a_post", "no event of Jetstream: it has no did")
    return []


def _draft(event: Event, rkey: str, record: Record) -> Draft:
    embed = record.embed or Embed()
    quoted = _quoted(embed)
    is_reply = bool(record.reply) and bytes(record.reply) != b"null"
    return Draft(
        id=f"bluesky:{event.did}/{rkey}",
        platform="bluesky",
        created_at_ms=times.from_iso(record.created_at) if record.created_at else None,
        text=record.text or "",
        author=event.did,
        lang=record.langs[0].partition("-")[0].lower() if record.langs else "",
        kind=QUOTE if quoted else REPLY if is_reply else POST,
        url=f"https://bsky.app/profile/{event.did}/post/{rkey}",
        original_id=quoted,
        media=_media(event.did, embed),
        arrived_at_ms=event.time_us // 1000,
    )


def _quoted(embed: Embed) -> str:
    """The id of the post that is quoted: `at://did/app.bsky.feed.post/rkey`."""
    if embed.record is None:
        return ""
    uri = embed.record.uri or (embed.record.record.uri if embed.record.record else None) or ""
    parts = uri.removeprefix("at://").split("/")
    return f"bluesky:{parts[0]}/{parts[2]}" if len(parts) == 3 and parts[1] == COLLECTION else ""


def _media(did: str, embed: Embed) -> tuple[Media, ...]:
    """Images, alone or beside a quoted record; a link's thumbnail is no picture of the author."""
    images = embed.images or (embed.media.images if embed.media else None) or ()
    cids = [(_cid(image.image), image.alt or "") for image in images]
    return tuple(
        Media(PICTURE.format(did=did, cid=cid) if cid else "", cid, alt) for cid, alt in cids
    )[:MAX_PICTURES]


def _cid(blob: Blob | None) -> str:
    if blob is None:
        return ""
    return (blob.ref.link if blob.ref else None) or blob.cid or ""
