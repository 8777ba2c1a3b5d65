"""What a live Jetstream says beyond its posts: reposts, deletes, accounts that go.

`formats.jetstream` reads posts and their deletes, from archives as from here.
A repost names the original and holds no text, so originals are remembered (the
bytes of their drafts): all of them in memory, where the oldest leave first, and
those that matched a topic in the store, for a day and over restarts. A repost
of any other can't be judged and is counted as such.

An account that is taken down, deleted, suspended or deactivated must not be
shown any longer (atproto: account hosting status). It goes as one `Gone` whose id
is the account's, `bluesky:did:plc:…`, which stands for every post of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import msgspec

from services import metrics
from services.errors import BadRecord
from services.ingest import times
from services.ingest.draft import Draft, Gone, Parsed
from services.ingest.formats import jetstream
from services.ingest.formats.json_text import JsonDecoder
from services.records import REPOST

REPOSTS = "app.bsky.feed.repost"
_REPOST_MARK = b'"app.bsky.feed.repost"'
_ACCOUNT_MARK = b'"account"'
HIDDEN = frozenset({"takendown", "suspended", "deleted", "deactivated"})
ORIGINALS, ORIGINALS_BYTES = 100_000, 64 << 20
"""About 50 MB, and some 40 minutes of all of Bluesky. No relay holds a post to its 300 letters."""


class Subject(msgspec.Struct, gc=False):
    uri: str = ""


class Record(msgspec.Struct, gc=False):
    created_at: str | None = msgspec.field(default=None, name="createdAt")
    subject: Subject | None = None


class Commit(msgspec.Struct, gc=False):
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: Record | None = None


class Account(msgspec.Struct, gc=False):
    active: bool = True
    status: str = ""


class Event(msgspec.Struct, gc=False):
    did: str = ""
    time_us: jetstream.Microseconds = 0
    kind: str = ""
    commit: msgspec.Raw = msgspec.Raw()
    account: Account | None = None


_events = JsonDecoder(Event)
_commits = JsonDecoder(Commit)
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Draft).decode


class Memory(Protocol):
    """Drafts that matched, beyond this process. Each call may raise `Unavailable`."""

    def recall(self, ids: Sequence[str]) -> Sequence[bytes | None]: ...

    def remember(self, drafts: Sequence[tuple[str, bytes]]) -> None: ...

    def forget(self, ids: Sequence[str]) -> None: ...


class Events:
    """Messages in, what they say out. See `services.ingest.live_source.Reader`."""

    def __init__(self, memory: Memory | None = None, originals: int = ORIGINALS) -> None:
        self._memory = memory
        self._kept = originals
        self._originals: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._recalled: dict[str, bytes] = {}

    def prepare(self, messages: Sequence[bytes]) -> None:
        """Recall the originals of the reposts among these."""
        if self._memory is None:
            return
        named = {ident for m in messages if _REPOST_MARK in m and (ident := _named(m))}
        unknown = sorted(named - self._originals.keys())
        found = self._memory.recall(unknown) if unknown else ()
        self._recalled = {i: draft for i, draft in zip(unknown, found, strict=True) if draft}

    def keep(self, drafts: Sequence[Draft], gone: Sequence[str]) -> None:
        """Remember what matched, forget what is removed."""
        if self._memory is not None:
            originals = [draft for draft in drafts if draft.kind != REPOST]
            self._memory.remember([(draft.id, _pack(draft)) for draft in originals])
            self._memory.forget(gone)

    def parse(self, message: bytes) -> list[Parsed]:
        """The post, repost, or removal in one message; raises `BadRecord` like every format."""
        if _REPOST_MARK in message and (found := self._repost(message)) is not None:
            return found
        if _ACCOUNT_MARK in message and (gone := self._account(message)) is not None:
            return [gone]
        parsed = jetstream.parse(message)
        for item in parsed:
            if isinstance(item, Draft):
                self._remember(item)
            elif isinstance(item, Gone):
                self._forget(item.id)
                self._recalled.pop(item.id, None)
        return parsed

    def _remember(self, draft: Draft) -> None:
        self._forget(draft.id)
        packed = self._originals[draft.id] = _pack(draft)
        self._bytes += len(packed)
        while len(self._originals) > self._kept or self._bytes > ORIGINALS_BYTES:
            self._forget(next(iter(self._originals)))

    def _forget(self, ident: str) -> None:
        self._bytes -= len(self._originals.pop(ident, b""))

    def _repost(self, message: bytes) -> list[Parsed] | None:
        """Nothing where the words stand in some other event, in a post's text perhaps."""
        event = _events.decode(message)
        commit = _commits.decode(bytes(event.commit)) if event.commit else Commit()
        if commit.collection != REPOSTS:
            return None
        id_text = f"bluesky:{event.did}/repost/{commit.rkey}"
        if commit.operation == "delete":
            return [Gone(id_text, event.time_us // 1000 or None)]
        original = self._original(commit.record)
        if original is None:
            metrics.UNKNOWN_ORIGINALS.labels("bluesky").inc()
            return []
        return [_as_repost(original, id_text, event, commit.record)]

    def _original(self, record: Record | None) -> Draft | None:
        ident = _subject(record)
        kept = self._originals.get(ident) or self._recalled.get(ident)
        return None if kept is None else _unpack(kept)

    def _account(self, message: bytes) -> Gone | None:
        event = _events.decode(message)
        if event.kind != "account" or event.account is None or not event.did:
            return None
        if event.account.active or event.account.status not in HIDDEN:
            return None
        return Gone(f"bluesky:{event.did}", event.time_us // 1000 or None)


def _subject(record: Record | None) -> str:
    """The id of the post that a repost is of."""
    uri = record.subject.uri if record and record.subject else ""
    did, _, rkey = uri.removeprefix("at://").partition(f"/{jetstream.COLLECTION}/")
    return f"bluesky:{did}/{rkey}"


def _named(message: bytes) -> str:
    """The original that a message names, where it is a repost at all."""
    try:
        event = _events.decode(message)
        commit = _commits.decode(bytes(event.commit)) if event.commit else Commit()
    except BadRecord:
        return ""
    return _subject(commit.record) if commit.collection == REPOSTS and commit.record else ""


def _as_repost(original: Draft, id_text: str, event: Event, record: Record | None) -> Draft:
    """The original's words and pictures, at the time and in the name of who repeats them."""
    created_at = record.created_at if record else None
    return msgspec.structs.replace(
        original,
        id=id_text,
        created_at_ms=times.from_iso(created_at) if created_at else event.time_us // 1000,
        author=event.did,
        kind=REPOST,
        original_id=original.id,
        arrived_at_ms=event.time_us // 1000,
    )
