"""Dead letters of a single process outlive it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.errors import UsageError
from services.stream import dead_letters
from services.stream.driver import open_streams
from services.stream.journal import Journal
from services.stream.memory import MemoryStreams
from services.stream.port import Output


def streams(path: Path) -> MemoryStreams:
    return MemoryStreams(3, journals={"dead": path}, clock_ms=lambda: 1_000)


def send(to: MemoryStreams, *values: bytes) -> None:
    for value in values:
        to.producer().send(Output("dead", b"k", value, headers=(("h", b"\xff"),)))


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "dead.log"
    first = streams(path)
    send(first, b"one", b"", b"\x00" * 10_000)
    first.close()
    second = streams(path)
    send(second, b"four")
    records = second.read("dead", 0, 0, 99)
    assert [r.value for r in records] == [b"one", b"", b"\x00" * 10_000, b"four"]
    assert [r.offset for r in records] == [0, 1, 2, 3]
    assert (records[0].key, records[0].headers, records[0].timestamp_ms) == (
        b"k",
        (("h", b"\xff"),),
        1_000,
    )
    assert second.ends("dead") == {0: 4}
    second.close()


@pytest.mark.parametrize("cut", [1, 3, 5, 10])
def test_a_torn_end_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "dead.log"
    first = streams(path)
    send(first, b"one", b"two")
    first.close()
    os.truncate(path, path.stat().st_size - cut)
    second = streams(path)
    send(second, b"three")
    second.close()
    third = streams(path)
    assert [r.value for r in third.read("dead", 0, 0, 9)] == [b"one", b"three"]
    third.close()


def test_damage_is_said_and_not_swept_under(tmp_path: Path) -> None:
    path = tmp_path / "dead.log"
    path.write_bytes(b"\x00\x00\x00\x02hi and more")
    with pytest.raises(UsageError, match=r"dead\.log is damaged at byte 0"):
        streams(path).ends("dead")


def test_a_full_disk_is_said() -> None:
    journal = Journal(Path("/dev/full"))  # takes nothing; reading it would never end
    with pytest.raises(UsageError, match="can't write /dev/full: No space left"):
        journal.append(Output("dead", b"k", b"v"), 5)


def test_letters_of_a_process_that_is_gone_can_be_listed_and_dropped(tmp_path: Path) -> None:
    path = tmp_path / "dead.log"
    first = open_streams("memory://", journals={"dead": path})
    letter = dead_letters.encode_source(
        b"\xff{", "bad_json", "no", stream="dead", stage="ingest", source="a.gz, line 3", now_ms=5
    )
    first.producer().send(letter)
    first.close()
    second = open_streams("memory://", journals={"dead": path})
    (found,) = dead_letters.letters(second, "dead")
    assert (found.id, found.origin, found.dead.record.value) == ("0/0", "a.gz, line 3", b"\xff{")
    assert dead_letters.drop(second, "dead", [found]) == 1
    second.close()
    third = open_streams("memory://", journals={"dead": path})
    assert list(dead_letters.letters(third, "dead")) == []
    third.close()
