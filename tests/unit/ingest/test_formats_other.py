"""Jetstream, Mastodon, tables, times and texts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.errors import BadRecord, UsageError
from services.ingest import times
from services.ingest.draft import Draft, Gone
from services.ingest.formats import jetstream, mastodon
from services.ingest.formats.tabular import Columns, JsonRows
from services.ingest.text import html_to_text, sound, unescape_x
from services.records import POST, QUOTE, REPLY, REPOST

DID = "did:plc:abc"


def event(record: dict[str, Any] | None, operation: str = "create", **commit: Any) -> bytes:
    whole = {
        "did": DID,
        "time_us": 1_783_175_888_377_628,
        "kind": "commit",
        "commit": {
            "operation": operation,
            "collection": "app.bsky.feed.post",
            "rkey": "3k",
            **({"record": record} if record else {}),
            **commit,
        },
    }
    return json.dumps(whole, separators=(",", ":")).encode()


RECORD = {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-07-04T14:38:06.240Z"}
IMAGES = [
    {"alt": "a cat", "image": {"$type": "blob", "ref": {"$link": "bafy1"}}},
    {"alt": "", "image": {"cid": "bafy2", "mimeType": "image/jpeg"}},
]


def bluesky(record: dict[str, Any]) -> Draft:
    (found,) = jetstream.parse(event(RECORD | record))
    assert isinstance(found, Draft)
    return found


def test_a_bluesky_post() -> None:
    found = bluesky({"langs": ["pt-BR", "en"]})
    assert found.id == f"bluesky:{DID}/3k"
    assert (found.author, found.lang, found.kind) == (DID, "pt", POST)
    assert found.arrived_at_ms == 1_783_175_888_377
    assert found.created_at_ms == 1_783_175_886_240


def test_bluesky_pictures_alone_and_beside_a_quote() -> None:
    images = {"$type": "app.bsky.embed.images", "images": IMAGES}
    quoted = {"record": {"uri": f"at://{DID}/app.bsky.feed.post/3j"}}
    both = {"$type": "app.bsky.embed.recordWithMedia", "media": images, "record": quoted}
    for embed in (images, both):
        found = bluesky({"embed": embed})
        assert [(media.key, media.alt) for media in found.media] == [
            ("bafy1", "a cat"),
            ("bafy2", ""),
        ]
        assert found.media[0].url.endswith(f"/plain/{DID}/bafy1@jpeg")
    assert (found.kind, found.original_id) == (QUOTE, f"bluesky:{DID}/3j")
    alone = {"$type": "app.bsky.embed.record", **quoted}
    assert bluesky({"embed": alone}).original_id == f"bluesky:{DID}/3j"
    link = {"$type": "app.bsky.embed.external", "external": {"thumb": {"ref": {"$link": "x"}}}}
    assert bluesky({"embed": link}).media == ()
    assert bluesky({"reply": {"parent": {"uri": "at://x/y/z"}}}).kind == REPLY


def test_bluesky_deletes_and_what_is_skipped() -> None:
    assert jetstream.parse(event(None, "delete")) == [Gone(f"bluesky:{DID}/3k", 1783175888377)]
    assert jetstream.parse(event(RECORD, "update")) == []
    like = {"subject": {"uri": f"at://{DID}/app.bsky.feed.post/3k"}}
    assert jetstream.parse(event(like, collection="app.bsky.feed.like")) == []
    strange = {"x": "app.bsky.feed.post", "langs": 5}
    assert jetstream.parse(event(strange, collection="fm.teal.play")) == []
    assert jetstream.parse(b'{"did":"d","time_us":1,"kind":"identity","identity":{}}') == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (event({"createdAt": "2026-07-04T14:38:06.240Z"}), "missing_text"),
        (event(RECORD)[:-9], "malformed_json"),
        (b'{"did":"did:plc:abc","time_us":17831', "malformed_json"),
        (b"\xff\xfe\x00garbage", "invalid_utf8"),
        (b'{"kind": "commit"}', "not_a_post"),
        (event(RECORD | {"createdAt": "soon"}), "bad_timestamp"),
    ],
)
def test_bluesky_lines_that_cant_be_read(line: bytes, reason: str) -> None:
    with pytest.raises(BadRecord) as caught:
        jetstream.parse(line)
    assert caught.value.reason == reason


STATUS: dict[str, Any] = {
    "id": "117",
    "uri": "https://mas.to/users/ann/statuses/117",
    "url": "https://mas.to/@ann/117",
    "created_at": "2026-08-01T13:59:03.468Z",
    "content": "<p>Good &amp; <b>bad</b></p>",
    "spoiler_text": "",
    "language": "en",
    "account": {"acct": "ann", "url": "https://mas.to/@ann"},
    "media_attachments": [],
    "reblog": None,
}


def toot(**fields: Any) -> Draft:
    (found,) = mastodon.parse(json.dumps(STATUS | fields).encode())
    assert isinstance(found, Draft)
    return found


def test_a_mastodon_status() -> None:
    found = toot()
    assert (found.id, found.author, found.author_name) == (
        "mastodon:mas.to/117",
        "ann@mas.to",
        "ann",
    )
    assert (found.text, found.kind) == ("Good & bad", POST)
    assert toot(spoiler_text="food").text == "food\n\nGood & bad"
    assert toot(in_reply_to_id="5").kind == REPLY
    assert toot(uri="https://pleroma.x/objects/1").id == "mastodon:https://pleroma.x/objects/1"


def test_mastodon_pictures_and_boosts() -> None:
    media = [
        {"id": "5", "type": "image", "url": "https://mas.to/m/a.png", "description": "a dog"},
        {"id": "6", "type": "video", "url": "https://mas.to/m/b.mp4"},
    ]
    found = toot(media_attachments=media)
    assert [(m.url, m.key, m.alt) for m in found.media] == [
        ("https://mas.to/m/a.png", "5", "a dog")
    ]
    boost = toot(
        uri="https://mas.to/users/ben/statuses/118/activity",
        content="",
        account={"acct": "ben@x.y"},
        reblog=STATUS | {"media_attachments": media},
    )
    assert (boost.kind, boost.original_id) == (REPOST, "mastodon:mas.to/117")
    assert (boost.id, boost.author, boost.text) == ("mastodon:mas.to/118", "ben@x.y", "Good & bad")
    assert len(boost.media) == 1


def test_mastodon_events() -> None:
    update = {"event": "update", "payload": json.dumps(STATUS)}
    assert mastodon.parse(json.dumps(update).encode()) == [toot()]
    delete = json.dumps({"event": "delete", "payload": "117"}).encode()
    assert mastodon.parse(delete, "mas.to") == [Gone("mastodon:mas.to/117")]
    assert mastodon.parse(delete) == []


def rows(told: str, *objects: dict[str, Any]) -> list[Any]:
    parser = JsonRows(Columns.parse(told))
    return [item for row in objects for item in parser.parse(json.dumps(row).encode())]


def test_a_table_by_its_usual_names() -> None:
    row = {"Text": "a", "Date": "2021-05-01 12:00:00", "username": "ann", "id": 5}
    (found,) = rows("", row | {"image_url": "https://x.y/a.jpg|https://x.y/b.jpg"})
    assert (found.id, found.text, found.author_name) == ("archive:5", "a", "ann")
    assert found.created_at_ms == 1_619_870_400_000
    assert [media.url for media in found.media] == ["https://x.y/a.jpg", "https://x.y/b.jpg"]


def test_a_table_as_told_and_ids_of_content() -> None:
    told = "text=w, created_at=when,image=pic"
    first, second, third = rows(
        told,
        {"w": "a", "when": 1619870400, "pic": ""},
        {"w": "a", "when": "1619870400000", "pic": "['x.jpg', 'y.jpg']"},
        {"w": "b", "when": "2021-05-01", "pic": '["x.jpg"]'},
    )
    assert first.created_at_ms == second.created_at_ms == 1_619_870_400_000
    assert [media.url for media in second.media] == ["x.jpg", "y.jpg"]
    assert [media.url for media in third.media] == ["x.jpg"]
    assert first.id != third.id
    assert first.id == rows(told, {"w": "a", "when": 1619870400, "pic": ""})[0].id


def test_columns_that_are_not_there() -> None:
    with pytest.raises(BadRecord, match="no column for created_at among text"):
        rows("", {"text": "a"})
    with pytest.raises(BadRecord, match="no column 'body' for text"):
        rows("text=body", {"text": "a", "date": "2021-05-01"})
    with pytest.raises(UsageError, match="there is no field 'txt'"):
        Columns.parse("txt=body")
    with pytest.raises(UsageError, match="not of the form"):
        Columns.parse("text")


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        ("2018-03-10T14:03:15Z", 1_520_690_595_000),
        ("2018-03-10 15:03:15+01:00", 1_520_690_595_000),
        ("Sat Mar 10 14:03:15 +0000 2018", 1_520_690_595_000),
        ("2018-03-10 14:03:15 UTC", 1_520_690_595_000),
        (1_520_690_595, 1_520_690_595_000),
        (1_520_690_595.5, 1_520_690_595_500),
        ("1520690595666", 1_520_690_595_666),
        (1_520_690_595_666_000, 1_520_690_595_666),
        (1_520_690_595_666_000_000, 1_520_690_595_666),
        (datetime(2018, 3, 10, 14, 3, 15, tzinfo=UTC), 1_520_690_595_000),
        (date(2018, 3, 10), 1_520_640_000_000),
        ("", None),
        (None, None),
    ],
)
def test_times(value: object, ms: int | None) -> None:
    assert times.from_anything(value) == ms


@pytest.mark.parametrize("value", ["soon", "10/3/2018 1 pm", float("nan"), 1e30, "Sat Xyz 1"])
def test_no_times(value: object) -> None:
    with pytest.raises(BadRecord) as caught:
        times.from_anything(value)
    assert caught.value.reason == "bad_timestamp"


@pytest.mark.parametrize(
    ("ms", "reason"),
    [
        (None, "missing_timestamp"),
        (0, "implausible_timestamp"),
        (4_102_444_800_000, "future_timestamp"),
        (10**17, "future_timestamp"),
        (1_700_000_300_001, "future_timestamp"),
    ],
)
def test_times_that_cant_be_true(ms: int | None, reason: str) -> None:
    with pytest.raises(BadRecord) as caught:
        times.checked(ms, 1_700_000_000_000)
    assert caught.value.reason == reason
    assert times.checked(1_700_000_300_000, 1_700_000_000_000) == 1_700_000_300_000


def test_texts() -> None:
    assert unescape_x("&amp;lt; &lt;3 &quot;") == "&lt; <3 &quot;"
    assert sound("a\ud800b") == "a\ufffdb"
    link = (
        '<p>See <a href="https://x.y/abc"><span class="invisible">https://</span>'
        '<span class="ellipsis">x.y/a</span><span class="invisible">bc</span></a><br/>and '
        '<a class="mention">@<span>ann</span></a></p><p>#<span>tag</span> 1 &lt; 2</p>'
    )
    assert html_to_text(link) == "See https://x.y/abc\nand @ann\n\n#tag 1 < 2"
    assert html_to_text("<script>x</script>a") == "a"
