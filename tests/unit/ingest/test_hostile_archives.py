"""Archives made to hurt: refused by name, the rest goes on, memory and time stay bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import BadRecord
from services.ingest import archive, layers, times
from services.ingest.archive import Archive, ReadOptions
from services.ingest.checks import MAX_NAMES, MAX_TEXT
from services.ingest.detect import FORMATS, JETSTREAM, JSONL, MASTODON, TWITTER_V1, TWITTER_V2
from services.ingest.draft import Draft, Gone, Refused
from services.ingest.formats.csv_rows import CsvRows
from services.ingest.formats.json_text import elements
from services.ingest.formats.tabular import COLUMNS, Columns, JsonRows
from services.ingest.lines import lines
from services.ingest.runs import Runs
from services.ingest.text import html_to_text
from tests.data_tools import tweet
from tests.unit.ingest.helpers import NOW_MS, deletions, everything, posts, refused

GOOD = json.dumps(tweet(1)).encode()
DIGITS = "9" * 5_000
"""More than Python makes an integer of."""


def twice(data: bytes) -> bytes:
    return gzip.compress(gzip.compress(data))


def items(path: Path, form: str = "") -> list[Draft | Gone | Refused]:
    return list(Archive(path, ReadOptions(form), lambda: NOW_MS).items())


def told(tmp_path: Path, form: str, *rows: bytes) -> list[Draft | Gone | Refused]:
    path = tmp_path / "a"
    path.write_bytes(b"\n".join(rows))
    return items(path, form)


def status(**fields: object) -> bytes:
    whole = {"id": "1", "uri": "u", "content": "a", "created_at": "2020-01-01T00:00:00Z"}
    return json.dumps(whole | fields).encode()


def row(**fields: object) -> bytes:
    return json.dumps({"text": "a", "created_at": "2020-01-01", **fields}).encode()


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


def test_a_page_of_bad_posts_keeps_its_bytes_once(tmp_path: Path) -> None:
    page = json.dumps({"statuses": [{"id_str": "1"}] * 300}).encode()
    bad = refused(everything(tmp_path, _written(tmp_path, page)))
    assert len(bad) == 300
    assert [len(one.value) for one in bad] == [len(page)] + [0] * 299


def test_an_array_goes_as_far_as_it_is_sound(tmp_path: Path) -> None:
    rows = ",\n".join(json.dumps(tweet(n)) for n in range(5))
    found = everything(tmp_path, _written(tmp_path, f"[{rows},\n{{broken".encode()))
    assert len(posts(found)) == 5
    assert [one.reason for one in refused(found)] == ["malformed_json"]


@pytest.mark.parametrize("text", ["[1 2]", "[1,", "[", '[1]{"a": 2}', "[1,,2]", "[" * 100_000])
def test_arrays_that_are_none(text: str) -> None:
    with pytest.raises(BadRecord):
        list(elements(text.encode()))


def test_an_array_of_nothings_in_flat_memory(tmp_path: Path) -> None:
    path = _written(tmp_path, b"[" + b"{},\n" * 500_000 + b"{}]")
    tracemalloc.start()
    found = items(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.reason for one in found if isinstance(one, Refused)] == ["unknown_format"]
    assert peak < 30 << 20


def test_a_row_of_csv_that_never_ends_is_cut() -> None:
    endless = b'"\n' + b'","\n' * 50_000
    text = b"text,created_at\na,2020-01-01\n" + endless + b"b,2020-01-02\n"
    rows = list(CsvRows(lines(io.BytesIO(text)), ",", Columns({}), max_row=1 << 16))
    found = [parsed for _, _, one in rows for parsed in one]
    assert [item.text for item in found if isinstance(item, Draft)] == ["a", "b"]
    assert max(len(value) for _, value, _ in rows) < (1 << 16) + 10


def test_kinds_of_rows_are_remembered_only_where_they_are_small() -> None:
    rows = JsonRows(Columns({}))
    for kind in range(3):
        rows.parse(row(**{f"x{kind}-{n}": 1 for n in range(COLUMNS)}))
        rows.parse(row(**{f"y{kind}": 1}))
    assert len(rows._tables) == 3


def test_lines_that_tell_no_format_are_not_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "UNDECIDED_BYTES", 1 << 16)
    (bad,) = told(tmp_path, "", *[b"x" * 30_000] * 10)
    assert isinstance(bad, Refused)
    assert (bad.reason, "its first 3 lines" in bad.message) == ("unknown_format", True)


@pytest.mark.parametrize("compress", [bz2.compress, zstandard.compress, twice])
def test_a_bomb_is_told_by_what_comes_out_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compress: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(layers, "FREE_BYTES", 1 << 20)
    (tmp_path / "a").write_bytes(compress(GOOD + b"\n" + bytes(8 << 20)))
    good, *bad = items(tmp_path / "a", TWITTER_V1)
    assert isinstance(good, Draft)
    assert [one.reason for one in bad if isinstance(one, Refused)][-1] == "decompression_bomb"


def tar_with(kind: bytes, size: int, headers: dict[str, str], body: bytes) -> bytes:
    out = io.BytesIO()
    info = tarfile.TarInfo("one")
    info.type, info.size, info.pax_headers = kind, len(body), headers
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(body))
    data = bytearray(out.getvalue())
    if size != len(body):  # a header that claims more than there is
        info.size = size
        data[:512] = info.tobuf(tarfile.USTAR_FORMAT)
    return bytes(data)


SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50)}


@pytest.mark.parametrize(
    "data",
    [
        tar_with(tarfile.XHDTYPE, 1 << 32, {}, b"11 a=bcde\n"),
        tar_with(tarfile.GNUTYPE_LONGNAME, 1 << 32, {}, b"name"),
        tar_with(tarfile.REGTYPE, 512, SPARSE, b"1\n0\n0\n".ljust(512, b"\0")),
        tar_with(tarfile.REGTYPE, 512, SPARSE, b"zz\n0\n0\n".ljust(512, b"\0")),
    ],
    ids=["extended header", "long name", "sparse", "broken map"],
)
def test_headers_of_a_tar(tmp_path: Path, data: bytes) -> None:
    tracemalloc.start()
    found = items(_written(tmp_path, data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [one.reason for one in found if isinstance(one, Refused)] == ["broken_archive"]
    assert peak < 10 << 20


def test_parquet_rows_that_python_cannot_hold(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    moments = [1_600_000_000_123_456_789, 1_600_000_000_000_000_000]
    pq.write_table(
        pa.table({"text": ["a", "b"], "created_at": pa.array(moments, pa.timestamp("ns"))}), path
    )
    assert [post.created_at_ms for post in posts(everything(tmp_path, path))] == [
        1_600_000_000_000,
        1_600_000_000_123,
    ]
    far = pa.array([1 << 62, 1_600_000_000_000_000], pa.timestamp("us"))
    offsets, text = b"\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0", b"ab\xff"
    latin = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(offsets), pa.py_buffer(text)])
    for table in (
        pa.table({"text": ["a", "b"], "created_at": far}),
        pa.table({"text": latin, "created_at": ["2020-01-01"] * 3}),
    ):
        pq.write_table(table, path)
        found = everything(tmp_path, path)
        assert {one.reason for one in refused(found)} == {"unreadable_row"}
        assert len(posts(found)) == table.num_rows - 1


def test_broken_parquet_is_named(tmp_path: Path) -> None:
    """pyarrow raises UnicodeDecodeError for the name of a column, among others."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path, chance = tmp_path / "a.parquet", random.Random(1)
    pq.write_table(pa.table({"text": ["a"], "created_at": ["2020-01-01"]}), path)
    whole = path.read_bytes()
    for data in (
        whole.replace(b"text", b"te\xfft"),
        *(_flipped(whole, chance) for _ in range(40)),
    ):
        path.write_bytes(data)
        assert all(isinstance(item, Draft | Refused) for item in items(path))


def _flipped(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    made[chance.randrange(4, len(data))] ^= 1 << chance.randrange(8)
    return bytes(made)


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


def _written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    return path
