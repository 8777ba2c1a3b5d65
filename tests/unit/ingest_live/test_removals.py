"""A removal reaches what was passed on, and only that."""

from __future__ import annotations

from services.ingest.bluesky import account_of
from services.ingest.draft import Gone
from services.ingest.removals import Removals
from services.records import REPOST, Post
from tests.unit.ingest_live.live_bench import FakeIndex


def post(ident: str, kind: str = "post", original: str = "") -> Post:
    return Post(ident, "live", "p", 0, 0, "", (), kind=kind, original_id=original)


def test_removals_reach_what_was_passed_on_and_only_that() -> None:
    removals = Removals(FakeIndex(), account_of)
    removals.note(
        [
            post("p:ann/1"),
            post("p:ann/2"),
            post("p:bob/repost/1", REPOST, "p:ann/1"),
            post("p:bob/2"),
        ]
    )
    assert removals.ids(Gone("p:ann/1")) == ["p:ann/1", "p:bob/repost/1"]
    assert removals.ids(Gone("p:ann")) == ["p:ann/1", "p:ann/2", "p:bob/repost/1"]
    assert removals.ids(Gone("p:bob")) == ["p:bob/repost/1", "p:bob/2"]
    assert removals.ids(Gone("p:bob/repost/1")) == ["p:bob/repost/1"]
    assert removals.ids(Gone("p:eve")) == []
    assert removals.ids(Gone("p:ann/3")) == []
