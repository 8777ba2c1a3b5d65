"""The shelf of pictures: what is put there is read, by others too, until it is deleted or old."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pictures.segment import Segment, key_of, packed
from services.pictures.shelf import SMALLEST, SUFFIX, Shelf

MB = 1024 * 1024
NOW_MS = 1_700_000_000_000


class Bench:
    """Shelves on one folder, with a clock that can be moved."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_ms = folder, NOW_MS
        self.opened: list[Shelf] = []

    def open(self, cap_bytes: int = MB, keep_ms: int = 10**15) -> Shelf:
        shelf = Shelf(
            self.folder, cap_bytes=cap_bytes, keep_ms=keep_ms, clock_ms=lambda: self.now_ms
        )
        self.opened.append(shelf)
        return shelf

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "pictures")
    yield made
    for shelf in made.opened:
        shelf.close()


def test_pictures_are_read_in_their_order_by_whoever_looks(bench: Bench) -> None:
    writer, reader = bench.open(), bench.open()
    assert reader.get("live", "x:1") == []
    writer.put([("live", "x:1", [b"one", None, b"three"]), ("live", "x:2", [None, b"two"])])
    for shelf in (writer, reader):
        assert shelf.get("live", "x:1") == [b"one", None, b"three"]
        assert shelf.get("live", "x:2") == [None, b"two"]
        assert shelf.get("replay", "x:1") == []
    writer.put([("live", "x:3", [b"later"])])
    assert reader.get("live", "x:3") == [b"later"]


def test_a_post_that_comes_again_is_not_written_again(bench: Bench) -> None:
    writer = bench.open()
    wrote = writer.put([("live", "x:1", [b"jpeg"])])
    assert wrote == len(bench.bytes()) > 0
    assert writer.put([("live", "x:1", [b"jpeg"])]) == 0
    assert bench.open().put([("live", "x:1", [b"jpeg"])]) == 0


def test_a_deleted_post_is_gone_at_once_and_so_are_its_bytes(bench: Bench) -> None:
    writer, reader = bench.open(), bench.open()
    writer.put([("live", "x:1", [b"a face", b"a secret"]), ("live", "x:2", [b"public"])])
    assert reader.get("live", "x:1")
    writer.delete([("live", "x:1"), ("live", "unknown")])
    assert reader.get("live", "x:1") == writer.get("live", "x:1") == []
    assert b"face" not in bench.bytes()
    assert b"secret" not in bench.bytes()
    assert reader.get("live", "x:2") == [b"public"]
    writer.put([("live", "x:1", [b"a face"])])
    assert bench.open().get("live", "x:1") == []


def test_another_process_may_delete_what_we_wrote(bench: Bench) -> None:
    writer, other = bench.open(), bench.open()
    writer.put([("live", "x:1", [b"secret"])])
    other.delete([("live", "x:1")])
    assert writer.get("live", "x:1") == []
    assert b"secret" not in bench.bytes()


def test_the_oldest_goes_when_the_shelf_is_full(bench: Bench) -> None:
    cap = 32 * SMALLEST
    writer, reader = bench.open(cap), bench.open(cap)
    for number in range(200):
        bench.now_ms += 1
        writer.put([("live", f"x:{number}", [os.urandom(SMALLEST // 2)])])
        if number == 5:
            assert reader.get("live", "x:0")
    assert cap // 2 < sum(path.stat().st_size for path in bench.folder.iterdir()) <= cap
    kept = [n for n in range(200) if reader.get("live", f"x:{n}")]
    assert kept == list(range(kept[0], 200))
    assert len(kept) > 40


def test_what_is_too_old_goes_with_the_next_tidying(bench: Bench) -> None:
    bench.open().put([("live", "x:1", [b"old"])])
    (path,) = bench.folder.iterdir()
    os.utime(path, (NOW_MS / 1000, NOW_MS / 1000))
    bench.now_ms += 10_000
    later = bench.open(keep_ms=10_001)
    later.tidy()
    assert later.get("live", "x:1") == [b"old"]
    bench.now_ms += 2
    later.tidy()
    assert later.get("live", "x:1") == []
    assert not list(bench.folder.iterdir())


def test_few_pictures_grow_old_too(bench: Bench) -> None:
    shelf = bench.open(keep_ms=16_000)
    for number in range(40):
        bench.now_ms += 500
        shelf.put([("live", f"x:{number}", [b"a picture"])])
        newest = max(bench.folder.iterdir())
        os.utime(newest, (bench.now_ms / 1000, bench.now_ms / 1000))
    shelf.tidy()
    kept = [n for n in range(40) if shelf.get("live", f"x:{n}")]
    assert kept == list(range(kept[0], 40))
    assert 32 <= len(kept) <= 35  # of 16 s; what is a segment's first grows as old as its last


def test_a_full_disk_makes_room_and_then_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.open().put([("live", "x:0", [b"old"])])
    writer = bench.open(cap_bytes=0)
    writer.put([("live", "x:1", [b"new"])])

    def full(fd: int, buffers: object, at: int) -> int:
        os.pwrite(fd, b"torn", at)
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "pwritev", full)
    with pytest.raises(OSError, match="no space"):
        writer.put([("live", "x:2", [b"more"])])
    monkeypatch.undo()
    assert [len(list(bench.folder.iterdir())), writer.get("live", "x:1")] == [1, [b"new"]]
    writer.put([("live", "x:2", [b"more"])])
    assert bench.open().get("live", "x:2") == [b"more"]


@given(cut=st.integers(0, 220), junk=st.binary(max_size=60))
def test_a_torn_end_hides_nothing_before_it(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("torn") / f"1{SUFFIX}"
    records = [packed(key_of("live", str(n)), [bytes([n]) * 30, b"y"]) for n in range(3)]
    whole = b"".join(buffer for record in records for buffer in record)
    path.write_bytes(whole[:cut] + junk)
    segment = Segment(path)
    found = [entry for entry in segment.scan() if segment.read(entry.key, entry.offset)]
    segment.close()
    length = len(whole) // 3
    assert len(found) >= min(3, cut // length)
    assert [e.key for e in found] == [key_of("live", str(n)) for n in range(len(found))]


def test_a_picture_that_the_disk_changed_is_not_shown(bench: Bench) -> None:
    bench.open().put([("live", "x:1", [b"picture"])])
    (path,) = bench.folder.iterdir()
    path.write_bytes(path.read_bytes().replace(b"pict", b"pixt"))
    assert bench.open().get("live", "x:1") == []


WRITES = """
import itertools, sys
from pathlib import Path
from services.pictures.shelf import Shelf
shelf = Shelf(Path(sys.argv[1]), cap_bytes=10**9, keep_ms=10**15, clock_ms=lambda: 1)
for n in itertools.count():
    shelf.put([("live", f"x:{n}", [bytes([n % 251]) * 30_000])])
    print(n, flush=True)
"""


def test_a_killed_writer_leaves_all_that_it_wrote(bench: Bench) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(bench.folder)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if int(line) >= 300:
            writer.send_signal(signal.SIGKILL)
            break
    last = max([300, *map(int, writer.stdout.read().split("\n")[:-1])])
    writer.wait()
    writer.stdout.close()
    reader = bench.open()
    for number in range(last + 1):
        assert reader.get("live", f"x:{number}") == [bytes([number % 251]) * 30_000]
    bench.open().put([("live", "x:after", [b"goes on"])])
    assert reader.get("live", "x:after") == [b"goes on"]
