"""Archives made to hurt: refused by name, the rest goes on, memory and time stay bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from services.errors import BadRecord
from services.ingest import archive, layers
from services.ingest.detect import TWITTER_V1
from services.ingest.draft import Draft, Refused
from services.ingest.formats.csv_rows import CsvRows
from services.ingest.formats.json_text import elements
from services.ingest.formats.tabular import COLUMNS, Columns, JsonRows
from services.ingest.lines import lines
from tests.data_tools import tweet
from tests.unit.ingest.helpers import everything, items, posts, refused, row, told

GOOD = json.dumps(tweet(1)).encode()
DIGITS = "9" * 5_000
"""More than Python makes an integer of."""


def twice(data: bytes) -> bytes:
    return gzip.compress(gzip.compress(data))


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


def _written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    return path
