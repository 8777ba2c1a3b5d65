"""X in all its shapes: streaming and REST v1.1, v2 with includes and flattened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.errors import BadRecord
from services.ingest.draft import Draft, Gone
from services.ingest.formats import twitter_v1, twitter_v2
from services.records import POST, QUOTE, REPLY, REPOST
from tests.data_tools import tweet, with_photo


def v1(whole: dict[str, Any]) -> Draft:
    (found,) = twitter_v1.parse(json.dumps(whole).encode())
    assert isinstance(found, Draft)
    return found


def v2(page: dict[str, Any]) -> list[Any]:
    return twitter_v2.parse(json.dumps(page).encode())


def test_a_plain_tweet() -> None:
    whole = tweet(1, "fish & <chips> &amp; more")
    found = v1(whole)
    assert found.id == f"x:{whole['id_str']}"
    assert found.text == "fish & <chips> &amp; more"
    assert found.created_at_ms == int(whole["timestamp_ms"])
    assert (found.author, found.author_name, found.lang) == ("x:2", "user1", "en")
    assert (found.kind, found.original_id, found.media) == (POST, "", ())
    assert found.url == f"https://x.com/user1/status/{whole['id_str']}"


def test_a_truncated_tweet_is_read_whole() -> None:
    photo = with_photo({}, "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    extended = {"full_text": "the whole &gt; of it", **photo}
    found = v1(tweet(1, "the whole…", truncated=True, extended_tweet=extended))
    assert found.text == "the whole > of it"
    assert [m.url.rpartition("/")[2] for m in found.media] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_rest_extended_mode() -> None:
    whole = tweet(1)
    del whole["text"], whole["timestamp_ms"]
    found = v1(whole | {"full_text": "long"})
    assert found.text == "long"
    assert found.created_at_ms is not None
    assert found.created_at_ms % 1000 == 0


def test_only_photos_are_pictures() -> None:
    whole = with_photo(tweet(1), "a.jpg")
    whole["extended_entities"]["media"][0]["type"] = "video"
    assert v1(whole).media == ()


def test_a_retweet_is_the_originals_content_under_its_own_id() -> None:
    original = with_photo(tweet(1, "the whole original", lang="de"), "a.jpg")
    whole = tweet(9, "RT @user1: the whole or…", retweeted_status=original)
    found = v1(whole)
    assert (found.kind, found.original_id) == (REPOST, f"x:{original['id_str']}")
    assert (found.text, found.lang, len(found.media)) == ("the whole original", "de", 1)
    assert (found.id, found.author_name) == (f"x:{whole['id_str']}", "user9")


def test_a_quote_and_a_reply() -> None:
    quote = tweet(9, "look", is_quote_status=True, quoted_status_id_str="5")
    assert (v1(quote).kind, v1(quote).original_id) == (QUOTE, "x:5")
    assert v1(tweet(9, in_reply_to_status_id_str="5")).kind == REPLY


@pytest.mark.parametrize(
    "history",
    [{"initial_tweet_id": "77", "edit_tweet_ids": ["77", "78"]}, {"edit_tweet_ids": [77, 78]}],
)
def test_an_edited_tweet_goes_by_its_first_version(history: dict[str, Any]) -> None:
    assert v1(tweet(1, edit_history=history)).id == "x:77"


def test_the_search_answer_holds_many() -> None:
    page = {"statuses": [tweet(1), {"id_str": "3"}, tweet(2)], "search_metadata": {"count": 3}}
    first, bad, second = twitter_v1.parse(json.dumps(page, indent=2).encode())
    assert isinstance(first, Draft)
    assert isinstance(second, Draft)
    assert isinstance(bad, BadRecord)
    assert bad.reason == "missing_text"


def test_notices() -> None:
    gone = {"delete": {"status": {"id_str": "12", "user_id_str": "3"}, "timestamp_ms": "1500"}}
    assert twitter_v1.parse(json.dumps(gone).encode()) == [Gone("x:12", 1500)]
    assert twitter_v1.parse(b'{"limit": {"track": 5}}') == []
    with pytest.raises(BadRecord, match="no tweet"):
        twitter_v1.parse(b'{"name": "someone"}')


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id_str": "1", "text": "cut', "malformed_json"),
        (b'{"id_str": "1", "text": "caf\xe9"}', "invalid_utf8"),
        (b'{"id_str": "1", "text": 5}', "wrong_shape"),
        (b'{"id_str": "1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested_too_deep"),
        (b'{"id_str": "1", "text": "\\ud83d", "x": ' + b"[" * 100_000, "nested_too_deep"),
        (b"[1]", "wrong_shape"),
        (b'{"id_str": "1", "text": "a", "created_at": "yesterday"}', "bad_timestamp"),
    ],
)
def test_lines_that_cant_be_read_say_why(line: bytes, reason: str) -> None:
    with pytest.raises(BadRecord) as caught:
        twitter_v1.parse(line)
    assert caught.value.reason == reason


def test_lone_surrogates_are_replaced_and_pairs_kept() -> None:
    line = json.dumps(tweet(1, "a\ud83d b \U0001f600")).encode()
    assert b"\\ud83d b" in line
    (found,) = twitter_v1.parse(line)
    assert isinstance(found, Draft)
    assert found.text == "a\ufffd b \U0001f600"
    found.text.encode()


PHOTO = {"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/media/a.jpg"}
ORIGINAL = {
    "id": "1440707466560516096",
    "author_id": "2",
    "text": "the whole &amp; original",
    "lang": "ko",
    "created_at": "2021-09-22T16:00:00.000Z",
    "attachments": {"media_keys": ["3_1"]},
}
RETWEET = {
    "id": "1440717092546756616",
    "author_id": "1",
    "text": "RT @two: the whole &amp; or…",
    "lang": "ko",
    "created_at": "2021-09-22T16:38:16.000Z",
    "referenced_tweets": [{"type": "retweeted", "id": ORIGINAL["id"]}],
}
USERS = [{"id": "1", "username": "one"}, {"id": "2", "username": "two"}]


def test_v2_joins_what_is_included_and_counts_only_data() -> None:
    includes = {"users": USERS, "tweets": [ORIGINAL], "media": [PHOTO]}
    (found,) = v2({"data": [RETWEET], "includes": includes})
    assert (found.id, found.author, found.author_name) == (f"x:{RETWEET['id']}", "x:1", "one")
    assert (found.kind, found.original_id) == (REPOST, f"x:{ORIGINAL['id']}")
    assert found.text == "the whole & original"
    assert [media.url for media in found.media] == [PHOTO["url"]]


def test_v2_flattened_says_the_same() -> None:
    original = ORIGINAL | {"attachments": {"media_keys": ["3_1"], "media": [PHOTO]}}
    reference = {"type": "retweeted", **original}
    flat = RETWEET | {"author": USERS[0], "referenced_tweets": [reference]}
    includes = {"users": USERS, "tweets": [ORIGINAL], "media": [PHOTO]}
    assert v2(flat) == v2({"data": [RETWEET], "includes": includes})


def test_v2_original_not_included() -> None:
    (found,) = v2({"data": [RETWEET | {"attachments": {"media_keys": ["3_5", "7_6"]}}]})
    assert found.text == "the whole & or…"
    assert found.author_name == ""
    assert [media.key for media in found.media] == ["3_5"]


def test_v2_notes_edits_replies_quotes() -> None:
    base = {"id": "1440717092546756616", "text": "cut…", "author_id": "1"}
    (note,) = v2({"data": [base | {"note_tweet": {"text": "all of it"}}]})
    assert note.text == "all of it"
    (edited,) = v2({"data": [base | {"edit_history_tweet_ids": ["5", base["id"]]}]})
    assert edited.id == "x:5"
    (reply,) = v2({"data": base | {"referenced_tweets": [{"type": "replied_to", "id": "4"}]}})
    assert (reply.kind, reply.original_id) == (REPLY, "")
    both = [{"type": "replied_to", "id": "4"}, {"type": "quoted", "id": "6"}]
    (quote,) = v2({"data": [base | {"referenced_tweets": both}]})
    assert (quote.kind, quote.original_id) == (QUOTE, "x:6")


def test_v2_without_created_at_the_id_tells() -> None:
    (found,) = v2({"data": [{"id": "972472958621974528", "text": "a"}]})
    assert found.created_at_ms == 1_520_690_595_666


def test_v2_answers_without_posts() -> None:
    assert v2({"meta": {"result_count": 0}}) == []
    assert v2({"errors": [{"title": "Forbidden"}]}) == []
    deleted = {"delete": {"tweet": {"id": "9"}, "event_at": "2022-03-10T16:47:48.000Z"}}
    assert v2({"data": deleted}) == [Gone("x:9", 1_646_930_868_000)]
    with pytest.raises(BadRecord):
        v2({"name": "x"})
