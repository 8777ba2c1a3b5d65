"""Bad input of every kind: named by file, member and line, and the rest goes on."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from services.errors import UsageError
from services.ingest import layers
from services.ingest.archive import ReadOptions
from services.ingest.lines import TooLong, lines
from tests.data_tools import tweet, write_lines
from tests.unit.ingest.helpers import deletions, everything, posts, refused, replay

GOOD = [json.dumps(tweet(n)).encode() for n in range(6)]


def archive(tmp_path: Path, *rows: bytes, name: str = "a.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\x00\xff\xfe garbage \x80", "invalid_utf8"),
        (b"not json", "malformed_json"),
        (b'{"id_str": "1", "text": "caf\xe9"}', "invalid_utf8"),
        (b'{"id_str": "1", "x": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, "nested_too_deep"),
        (b'{"id_str": "1", "text": "no time"}', "missing_timestamp"),
        (json.dumps(tweet(1, timestamp_ms="86400000")).encode(), "implausible_timestamp"),
        (json.dumps(tweet(1, timestamp_ms="4102444800000")).encode(), "future_timestamp"),
    ],
)
def test_one_bad_line_among_good_ones(tmp_path: Path, line: bytes, reason: str) -> None:
    path = archive(tmp_path, *GOOD[:3], line, *GOOD[3:])
    found = everything(tmp_path, path)
    (bad,) = refused(found)
    assert (bad.reason, bad.file, bad.line, bad.value) == (reason, str(path), 4, line)
    assert bad.place == f"{path}, line 4"
    assert len(posts(found)) == 6


def test_a_50_mb_line_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(GOOD[0] + b"\n")
        for _ in range(50):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + GOOD[1] + b"\n")
    tracemalloc.start()
    found = everything(tmp_path, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (bad,) = refused(found)
    assert (bad.reason, bad.line) == ("line_too_long", 2)
    assert f"{50 << 20} bytes" in bad.message
    assert len(posts(found)) == 2
    assert peak < 60 << 20


def test_lines_in_pieces_of_any_size() -> None:
    class Pieces:
        def __init__(self, data: bytes, size: int) -> None:
            self._file, self._size = io.BytesIO(data), size

        def read(self, size: int, /) -> bytes:
            return self._file.read(self._size)

    data = b"a\r\n\nbc\n" + b"d" * 30 + b"\ne"
    for size in range(1, 50):
        found = list(lines(Pieces(data, size), 20))
        assert [(n, line) for n, line in found if not isinstance(line, TooLong)] == [
            (1, b"a"), (2, b""), (3, b"bc"), (5, b"e"),
        ]  # fmt: skip
        assert isinstance(found[3][1], TooLong)
        assert found[3][1].size == 30


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("a.gz", gzip.compress),
        ("a.bz2", bz2.compress),
        ("a.zst", zstandard.ZstdCompressor().compress),
    ],
)
def test_what_is_cut_off_gives_what_it_has(tmp_path: Path, name: str, compress: object) -> None:
    rows = [json.dumps(tweet(n, os.urandom(40).hex())).encode() for n in range(4_000)]
    whole = compress(b"\n".join(rows) + b"\n")  # type: ignore[operator]
    path, good = tmp_path / name, tmp_path / "b.jsonl"
    path.write_bytes(whole)
    assert len(posts(everything(tmp_path, path))) == 4_000
    path.write_bytes(whole[: len(whole) * 2 // 3])
    write_lines(good, [tweet(30_000)])
    found = everything(tmp_path, path, good)
    assert "truncated" in {bad.reason for bad in refused(found)}
    assert 1_500 < len(posts(found)) < 3_400
    assert refused(found)[-1].file == str(path)
    path.write_bytes(whole[: len(whole) // 3] + b"\0" * 4000 + whole[len(whole) // 2 :])
    reasons = {bad.reason for bad in refused(everything(tmp_path, path))}
    assert reasons & {"broken_compression", "truncated"}


def tar_of(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_members_of_a_tar_are_named(tmp_path: Path) -> None:
    broken = gzip.compress(b"\n".join(GOOD))[:-20]
    path = tar_of(
        tmp_path / "a.tgz",
        {
            "00.jsonl.bz2": bz2.compress(GOOD[0] + b"\nbroken\n"),
            "._00.jsonl.bz2": b"left behind",
            "01.jsonl.gz": broken,
            "02.jsonl": GOOD[5] + b"\n",
        },
    )
    found = everything(tmp_path, path)
    bad = refused(found)
    assert [(one.member, one.line, one.reason) for one in bad[:1]] == [
        ("00.jsonl.bz2", 2, "malformed_json")
    ]
    assert {one.member for one in bad[1:]} == {"01.jsonl.gz"}
    assert "truncated" in {one.reason for one in bad}
    assert bad[0].place == f"{path}, 00.jsonl.bz2, line 2"
    assert {post.id for post in posts(found)} >= {f"x:{json.loads(GOOD[n])['id']}" for n in (0, 5)}


def test_a_tar_that_is_cut_off(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", {"a": GOOD[0] * 1, "b": b"\n".join(GOOD * 50)}, "w")
    path.write_bytes(path.read_bytes()[:60_000])
    found = everything(tmp_path, path)
    assert posts(found)
    assert {bad.reason for bad in refused(found)} & {"broken_archive", "truncated"}


def test_what_is_no_archive_is_refused_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "empty.jsonl").touch()
    (folder / "noise.bin").write_bytes(os.urandom(300_000))
    (folder / "readme.txt").write_text("Some words, and more words.\nNo posts.\n")
    (folder / "pack.zip").write_bytes(b"PK\x03\x04 and so on")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 a picture")
    (folder / ".hidden").write_bytes(b"x")
    archive(folder, *GOOD)
    found = everything(tmp_path, folder)
    assert len(posts(found)) == 6
    assert {Path(bad.file).name for bad in refused(found)} == {
        "noise.bin",
        "readme.txt",
        "pack.zip",
    }
    assert len(refused(found)) == 3


def test_an_empty_archive_ends_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.jsonl").touch()
    assert everything(tmp_path, tmp_path / "a.jsonl") == []
    assert "empty" in caplog.text


def test_first_lines_that_dont_tell_wait_for_one_that_does(tmp_path: Path) -> None:
    limit = b'{"limit": {"track": 3}}'
    gone = b'{"delete": {"status": {"id_str": "5"}, "timestamp_ms": "1462266000000"}}'
    found = everything(tmp_path, archive(tmp_path, b"", limit, b"garbage", GOOD[0], gone))
    assert [bad.line for bad in refused(found)] == [3]
    assert len(posts(found)) == 1
    assert [one.id for one in deletions(found)] == ["x:5"]


@pytest.mark.parametrize("indent", [None, 1])
def test_documents(tmp_path: Path, indent: int | None) -> None:
    tweets = [tweet(n) for n in range(3)]
    for document in ({"statuses": tweets, "search_metadata": {}}, tweets, {"data": V2}):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(document, indent=indent))
        assert len(posts(everything(tmp_path, path))) == 3


V2 = [{"id": str(1440717092546756616 + n), "text": "a", "author_id": "1"} for n in range(3)]


def test_csv_with_quotes_line_breaks_and_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\xef\xbb\xbfdate;text;user\r\n"
        b'2021-05-01;"two\nlines; and ""more""";ann\r\n'
        b"2021-05-02;caf\xe9;ben\r\n"
        b"2021-05-03;short\r\n"
        b"never;x;y\r\n"
        b"2021-05-04;good;eve\r\n"
    )
    found = everything(tmp_path, path)
    assert [post.text for post in posts(found)] == ['two\nlines; and "more"', "good"]
    assert [(bad.line, bad.reason) for bad in refused(found)] == [
        (4, "invalid_utf8"),
        (5, "wrong_columns"),
        (6, "bad_timestamp"),
    ]
    assert refused(found)[0].value == b"2021-05-02;caf\xe9;ben"


def test_a_table_without_the_columns_says_which(tmp_path: Path) -> None:
    path = archive(tmp_path, b"when,words", b"2021-05-01,a", name="a.csv")
    (bad,) = refused(everything(tmp_path, path))
    assert bad.reason == "missing_column"
    assert "no column for text among when, words" in bad.message
    told = everything(tmp_path, path, columns="text=words,created_at=when")
    assert [post.text for post in posts(told)] == ["a"]


def test_parquet_with_pictures_inside(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    table = pa.table(
        {"text": ["a", None], "created_at": ["2021-05-01", "2021-05-02"], "image": [b"x", None]}
    )
    pq.write_table(table, path)
    found = everything(tmp_path, path)
    assert [post.pictures[0].reason for post in posts(found)] == ["not_a_picture"]
    assert [bad.reason for bad in refused(found)] == ["missing_text"]
    path.write_bytes(path.read_bytes()[:-30])
    assert [bad.reason for bad in refused(everything(tmp_path, path))] == ["broken_parquet"]


def test_what_the_operator_got_wrong(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        replay(tmp_path, tmp_path / "nowhere.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing to replay"):
        replay(tmp_path, tmp_path / "empty")
    with pytest.raises(UsageError, match="none of twitter_v1"):
        ReadOptions("twiter")
    with pytest.raises(UsageError, match="is no folder"):
        replay(tmp_path, archive(tmp_path, *GOOD), media=tmp_path / "nowhere")


def test_a_bomb_of_layers(tmp_path: Path) -> None:
    data = b"x"
    for _ in range(layers.MAX_DEPTH + 2):
        data = gzip.compress(data)
    (tmp_path / "a.gz").write_bytes(data)
    (bad,) = refused(everything(tmp_path, tmp_path / "a.gz"))
    assert bad.reason == "nested_too_deep"
