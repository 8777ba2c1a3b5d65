"""Lines made to hurt: each is read or refused by name, in time by its length."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import BadRecord
from services.ingest import times
from services.ingest.checks import MAX_NAMES, MAX_TEXT
from services.ingest.detect import FORMATS, JETSTREAM, JSONL, MASTODON, TWITTER_V1, TWITTER_V2
from services.ingest.draft import Draft, Gone, Refused
from services.ingest.runs import Runs
from services.ingest.text import html_to_text
from tests.data_tools import tweet
from tests.unit.ingest.helpers import NOW_MS, deletions, everything, posts, row, told

GOOD = json.dumps(tweet(1)).encode()
DIGITS = "9" * 5_000
"""More than Python makes an integer of."""


def status(**fields: object) -> bytes:
    whole = {"id": "1", "uri": "u", "content": "a", "created_at": "2020-01-01T00:00:00Z"}
    return json.dumps(whole | fields).encode()


def nested(depth: int) -> bytes:
    image = b"[" * depth + b"]" * depth
    return b'{"text": "a", "created_at": "2020-01-01", "image": ' + image + b"}"


@pytest.mark.parametrize(
    ("form", "line", "reason"),
    [
        (TWITTER_V1, b'{"id": ' + DIGITS.encode() + b', "text": "a"}', "wrong_shape"),
        (TWITTER_V1, json.dumps({"id_str": DIGITS, "text": "a"}).encode(), "missing_timestamp"),
        (TWITTER_V2, json.dumps({"id": DIGITS, "text": "a"}).encode(), "missing_timestamp"),
        (TWITTER_V1, json.dumps(tweet(1, timestamp_ms="²")).encode(), ""),
        (TWITTER_V1, json.dumps(tweet(1, timestamp_ms=DIGITS)).encode(), ""),
        (TWITTER_V1, json.dumps(tweet(1, "a" * (MAX_TEXT + 1))).encode(), "text_too_long"),
        (TWITTER_V1, json.dumps(tweet(1, id_str="1" * MAX_NAMES)).encode(), "names_too_long"),
        (MASTODON, status(account={"acct": "ann", "url": "http://["}), ""),
        (MASTODON, status(account={"acct": "ann", "url": "http://a℀b"}), ""),
        (MASTODON, status(uri=None, url="http://["), ""),
        (MASTODON, status(content=f"&#{DIGITS};"), ""),
        (MASTODON, status(content="<![<!"), ""),
        (MASTODON, status(account={"acct": "a" * MAX_NAMES}), "names_too_long"),
        (JSONL, row(image="a.jpg", alt="a" * MAX_TEXT), "text_too_long"),
        (JSONL, nested(900), ""),
        (JSONL, nested(5_000), "nested_too_deep"),
        (JSONL, row(created_at=10**400), "bad_timestamp"),
        (JSONL, row(created_at=float("inf")), "bad_timestamp"),
        (JSONL, row(created_at=-(10**15)), "implausible_timestamp"),
        (JSONL, row(created_at="0000-01-01"), "bad_timestamp"),
        (JSONL, row(created_at="9999-12-31T23:59:59-23:59"), "future_timestamp"),
        (JSONL, row(text="\ud800\0"), ""),
        (JSONL, b'{"a": [' + b"[]," * 400_000 + b"[]]," + row()[1:], "too_many_objects"),
        (JSONL, b"{" + b'"a":{},' * 200_000 + row()[1:], "too_many_objects"),
    ],
)  # fmt: skip
def test_one_line_made_to_hurt(tmp_path: Path, form: str, line: bytes, reason: str) -> None:
    found = told(tmp_path, form, line)
    assert [item.reason if isinstance(item, Refused) else "" for item in found] == [reason]


def test_the_clock_of_a_recorder_moves_nothing(tmp_path: Path) -> None:
    """An arrival after now is now, and what is dated after that is refused."""
    late = 4_102_444_800_000_000
    event = {"did": "did:plc:a", "kind": "commit"}
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": "r"}

    def line(time_us: int, created: str) -> bytes:
        record = {"text": "a", "createdAt": created}
        return json.dumps(
            event | {"time_us": time_us, "commit": commit | {"record": record}}
        ).encode()

    found = told(tmp_path, JETSTREAM, line(late, "2026-01-01"), line(late, "2100-01-01"))
    assert isinstance(found[0], Draft)
    assert found[0].arrived_at_ms == NOW_MS
    assert isinstance(found[1], Refused)
    assert found[1].reason == "future_timestamp"


@pytest.mark.parametrize("told_ms", [DIGITS, "9" * 30, "²", "-5", str(NOW_MS * 2), "1"])
def test_a_deletion_of_an_impossible_time_deletes_all_the_same(
    tmp_path: Path, told_ms: str
) -> None:
    gone = {"delete": {"status": {"id_str": "5"}, "timestamp_ms": told_ms}}
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\n" + json.dumps(gone).encode())
    found = everything(tmp_path, path)
    assert [one.id for one in deletions(found)] == ["x:5"]
    assert deletions(found)[0].deleted_at_ms == posts(found)[0].created_at_ms


HURTS = (
    "<a ",
    '<a b="',
    "<!--",
    "<![CDATA[",
    "<!",
    "</",
    "<?",
    "<script",
    "<a b=\"'",
    "<a =",
    "&#",
)


@pytest.mark.parametrize("hurt", HURTS)
def test_html_takes_time_by_its_length(hurt: str) -> None:
    started = time.process_time()
    html_to_text(hurt * 50_000)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('<p>a <a href="x?b>c" class=d>e</a><br/>f &lt;3</p><p>g</p>', "a e\nf <3\n\ng"),
        ("a < b <3 &amp; c", "a < b <3 & c"),
        ("a <!-- <p> no --> b", "a b"),
        ("a<script>if (1 < 2) {}</script >b<STYLE>c</style>d", "abd"),
        ('open <a href="x', 'open <a href="x'),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
    ],
)
def test_html_reads_as_it_stands(content: str, text: str) -> None:
    assert html_to_text(content) == text


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from([DIGITS, "²", "http://[", "\ud800", "\0", "2020-01-01", "9" * 25, "[[]]"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
NAMES = [
    "id", "id_str", "text", "created_at", "timestamp_ms", "user", "screen_name", "delete",
    "status", "statuses", "data", "includes", "referenced_tweets", "retweeted_status",
    "extended_entities", "media", "media_url_https", "did", "time_us", "kind", "commit",
    "operation", "collection", "rkey", "record", "createdAt", "embed", "images", "langs", "uri",
    "url", "content", "account", "acct", "reblog", "quote", "media_attachments", "event",
    "payload", "image", "author", "lang", "alt", "type", "attachments",
]  # fmt: skip
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
    lambda inner: st.dictionaries(
        st.sampled_from(NAMES), inner | st.lists(inner, max_size=2) | VALUES, max_size=8
    ),
    max_leaves=8,
)
FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(found=OBJECTS, form=st.sampled_from([TWITTER_V1, TWITTER_V2, JETSTREAM, MASTODON, JSONL]))
def test_objects_of_strangers_are_read_or_refused(
    tmp_path: Path, found: dict[str, object], form: str
) -> None:
    if form == JETSTREAM:
        found = {"did": "d", "commit": {"collection": "app.bsky.feed.post"}} | found
    _survives(told(tmp_path, form, json.dumps(found).encode()), tmp_path)


@FUZZ
@given(data=st.binary(max_size=300), form=st.sampled_from(("", *FORMATS)))
def test_bytes_of_strangers_are_read_or_refused(tmp_path: Path, data: bytes, form: str) -> None:
    _survives(told(tmp_path, form, data), tmp_path)


@settings(FUZZ, max_examples=100)
@given(st.one_of(st.text(max_size=40), SCALARS))
def test_times_are_read_or_refused(value: object) -> None:
    for read in (
        times.from_anything,
        lambda v: times.from_x(str(v)),
        lambda v: times.from_iso(str(v)),
    ):
        try:
            found = read(value)
        except BadRecord:
            continue
        assert found is None or abs(found) < 10**17


def _survives(found: list[Draft | Gone | Refused], tmp_path: Path) -> None:
    """Whatever comes out can be sorted on disk, as a replay does."""
    runs = Runs(tmp_path / "runs")
    for number, item in enumerate(found):
        runs.add((0, 0, number, item))
