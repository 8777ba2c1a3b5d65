"""What a live Jetstream message says: posts, reposts, removals; and what it does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from services.errors import BadRecord
from services.ingest import bluesky_events
from services.ingest.bluesky_events import Events
from services.ingest.draft import Draft, Gone
from services.metrics import UNKNOWN_ORIGINALS
from services.records import POST, QUOTE, REPLY, REPOST
from tests.simulators.jetstream import delete, generate, takedown

AT_US = 1_783_175_888_085_434
DID = "did:plc:wq4aajammjtxdomz3e23667t"


def event(collection: str, record: dict[str, Any], **changes: Any) -> bytes:
    commit = {"operation": "create", "collection": collection, "rkey": "3k1", "record": record}
    commit |= changes
    whole = {"did": DID, "time_us": AT_US, "kind": "commit", "commit": commit}
    return json.dumps(whole, ensure_ascii=False).encode()


def post(text: str = "hello", **record: Any) -> bytes:
    return event("app.bsky.feed.post", {"text": text, "createdAt": "2026-07-04T14:38:08Z"} | record)


def repost(uri: str = f"at://{DID}/app.bsky.feed.post/3k1", **changes: Any) -> bytes:
    record = {"createdAt": "2026-07-04T15:00:00Z", "subject": {"cid": "bafy", "uri": uri}}
    return event("app.bsky.feed.repost", record, rkey="3r9", **changes)


IMAGES = {
    "$type": "app.bsky.embed.images",
    "images": [{"alt": "a cat", "image": {"$type": "blob", "ref": {"$link": "bafkcat"}}}],
}
QUOTED = {"record": {"uri": "at://did:plc:other/app.bsky.feed.post/3k0", "cid": "bafy"}}


def one(message: bytes, events: Events | None = None) -> Draft:
    (draft,) = (events or Events()).parse(message)
    assert isinstance(draft, Draft)
    return draft


def test_a_post_with_its_pictures_as_the_platform_renders_them() -> None:
    draft = one(post(embed=IMAGES, langs=["en-GB"]))
    assert draft.id == f"bluesky:{DID}/3k1"
    assert draft.kind == POST
    assert draft.lang == "en"
    (media,) = draft.media
    assert media.alt == "a cat"
    assert media.url == f"https://cdn.bsky.app/img/feed_thumbnail/plain/{DID}/bafkcat@jpeg"


def test_quotes_and_replies() -> None:
    quote = one(post(embed={"$type": "app.bsky.embed.record", **QUOTED}))
    assert (quote.kind, quote.original_id) == (QUOTE, "bluesky:did:plc:other/3k0")
    both = one(post(embed={"record": QUOTED, "media": IMAGES}))
    assert both.kind == QUOTE
    assert len(both.media) == 1
    assert one(post(reply={"parent": {}, "root": {}})).kind == REPLY


def test_a_repost_has_the_words_of_its_original_and_a_time_and_author_of_its_own() -> None:
    events = Events()
    original = one(post("a new acme", embed=IMAGES), events)
    again = one(repost().replace(DID.encode(), b"did:plc:fan", 1), events)
    assert again.kind == REPOST
    assert (again.text, again.media) == (original.text, original.media)
    assert again.id == "bluesky:did:plc:fan/repost/3r9"
    assert again.original_id == original.id
    assert again.author == "did:plc:fan"
    assert again.created_at_ms == original.created_at_ms + 1_312_000  # type: ignore[operator]
    assert again.url == original.url


def unknown_originals() -> float:
    """Counted so far in this process."""
    return UNKNOWN_ORIGINALS.labels("bluesky")._value.get()


def test_a_repost_of_what_was_not_seen_is_counted() -> None:
    events = Events()
    before = unknown_originals()
    for uri in (f"at://{DID}/app.bsky.feed.post/3k1", "at://nothing", ""):
        assert events.parse(repost(uri)) == []
    assert unknown_originals() == before + 3


def test_originals_are_forgotten_in_time_and_when_deleted() -> None:
    events = Events(originals=2)
    for key in ("a", "b", "c"):
        events.parse(post().replace(b"3k1", key.encode()))
    for key, known in (("a", 0), ("b", 1), ("c", 1)):
        assert len(events.parse(repost(f"at://{DID}/app.bsky.feed.post/{key}"))) == known
    events.parse(json.dumps(delete(DID, "c", AT_US)).encode())
    assert events.parse(repost(f"at://{DID}/app.bsky.feed.post/c")) == []


class FakeMemory(dict[str, bytes]):
    """The store's memory of originals."""

    def recall(self, ids: Sequence[str]) -> list[bytes | None]:
        return [self.get(ident) for ident in ids]

    def remember(self, drafts: Sequence[tuple[str, bytes]]) -> None:
        self.update(drafts)

    def forget(self, ids: Sequence[str]) -> None:
        for ident in ids:
            self.pop(ident, None)


def test_originals_are_held_by_their_size_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bluesky_events, "ORIGINALS_BYTES", 1 << 20)
    events = Events()
    for number in range(40):
        events.parse(event("app.bsky.feed.post", {"text": "x" * (1 << 16)}, rkey=str(number)))
    before = unknown_originals()
    assert events.parse(repost(f"at://{DID}/app.bsky.feed.post/39"))
    assert events.parse(repost(f"at://{DID}/app.bsky.feed.post/9")) == []
    assert unknown_originals() - before == 1


@pytest.mark.parametrize("time_us", [-1, 1 << 63, 10**25])
def test_a_time_of_no_clock_is_a_bad_record(time_us: int) -> None:
    message = json.loads(post()) | {"time_us": time_us}
    with pytest.raises(BadRecord):
        Events().parse(json.dumps(message).encode())


def test_originals_that_matched_are_known_after_a_restart() -> None:
    memory = FakeMemory()
    before = Events(memory)
    original = one(post("a new acme"), before)
    before.keep([original], [])
    after = Events(memory)
    after.prepare([repost(), post(), b"{", b'"app.bsky.feed.repost"'])
    again = one(repost(), after)
    assert again.original_id == original.id
    after.keep([again], [])
    assert list(memory) == [original.id]
    after.keep([], [original.id])
    after.prepare([repost()])
    assert after.parse(repost()) == []


def test_deletes_of_posts_and_of_reposts() -> None:
    events = Events()
    assert events.parse(json.dumps(delete(DID, "3k1", AT_US)).encode()) == [
        Gone(f"bluesky:{DID}/3k1", AT_US // 1000)
    ]
    assert events.parse(repost(operation="delete")) == [
        Gone(f"bluesky:{DID}/repost/3r9", AT_US // 1000)
    ]


@pytest.mark.parametrize("status", ["takendown", "deleted", "suspended", "deactivated"])
def test_an_account_that_goes_takes_its_posts_along(status: str) -> None:
    message = json.dumps(takedown(DID, AT_US, status)).encode()
    assert Events().parse(message) == [Gone(f"bluesky:{DID}", AT_US // 1000)]


def test_accounts_that_stay_and_other_events_say_nothing() -> None:
    events = Events()
    back = takedown(DID, AT_US)
    back["account"] = {"active": True, "did": DID}
    quiet = takedown(DID, AT_US, "desynchronized")
    identity = {"did": DID, "time_us": AT_US, "kind": "identity", "identity": {"did": DID}}
    for whole in (back, quiet, identity):
        assert events.parse(json.dumps(whole).encode()) == []
    assert events.parse(event("app.bsky.feed.like", {})) == []


def test_marks_inside_a_text_are_only_words() -> None:
    text = 'they write "app.bsky.feed.repost" and "account"'
    assert one(post(text)).text == text
    assert one(event("app.bsky.feed.post", {"text": "x", "tags": ["account"]})).text == "x"
    assert one(event("app.bsky.feed.post", {"text": "x", "t": "app.bsky.feed.repost"})).text == "x"


@pytest.mark.parametrize(
    "message", [b"", b"{", b"\xff\xfe", b'{"did": 5, "kind": "account"}', b'["account"]', b"null"]
)
def test_nonsense_is_a_bad_record(message: bytes) -> None:
    with pytest.raises(BadRecord):
        Events().parse(message)


def test_everything_the_simulator_generates_is_understood() -> None:
    events, before = Events(), unknown_originals()
    found = [
        item
        for whole in generate(500, start_us=AT_US)
        for item in events.parse(json.dumps(whole).encode())
    ]
    kinds = [item.kind for item in found if isinstance(item, Draft)]
    assert kinds.count(POST) == 500
    assert kinds.count(REPOST) > 10
    assert unknown_originals() == before
