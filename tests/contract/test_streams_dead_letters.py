"""Dead letters over every driver: kept whole, listed, sent back, dropped."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from services.errors import BadRecord, UsageError
from services.stream import commands, dead_letters
from services.stream.memory import MemoryStreams
from services.stream.port import DeadLetter, Output, Record, Streams
from tests.contract.test_streams import send, streams

__all__ = ["streams"]
HEADERS = (("h", b"\x00\xff"), ("other", b""))


class Box:
    """A stream with records, and one of dead letters."""

    def __init__(self, streams: Streams, name: str) -> None:
        self.streams, self.stream, self.dead = streams, f"{name}.posts", f"{name}.dead-letters"
        streams.create_streams({self.stream: 2, self.dead: 2})  # type: ignore[attr-defined]

    def put(self, key: bytes | None, value: bytes | None, reason: str = "bad") -> None:
        """A record on the stream that is refused."""
        before = self.streams.ends(self.stream)
        send(self.streams, Output(self.stream, key, value, headers=HEADERS))
        (partition,) = [p for p, end in self.streams.ends(self.stream).items() if end > before[p]]
        (record,) = self.streams.read(self.stream, partition, before[partition], 99)
        letter = DeadLetter.of(record, BadRecord(reason, "[bold]what\nwas found"))
        send(self.streams, dead_letters.encode(letter, self.dead, "inference"))

    def letters(self, reason: str | None = None) -> list[dead_letters.Letter]:
        return list(dead_letters.letters(self.streams, self.dead, reason))

    def records(self) -> list[Record]:
        ends = self.streams.ends(self.stream)
        return [r for p, end in ends.items() for r in self.streams.read(self.stream, p, 0, end)]


@pytest.fixture
def box(streams: Streams, request: pytest.FixtureRequest) -> Box:
    return Box(streams, f"letters-{abs(hash(request.node.nodeid))}")


def output(box: Box, what: str, **options: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    getattr(commands, what)(box.streams, box.dead, console, **options)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_letter_keeps_all_of_the_record(box: Box) -> None:
    box.put(b"\xffkey", b"\x00value")
    (letter,) = box.letters()
    (original,) = box.records()
    assert letter.dead.record == original
    assert (letter.stage, letter.dead.reason) == ("inference", "bad")
    assert letter.dead.message == "[bold]what\nwas found"
    assert "BadRecord" in letter.dead.traceback
    assert letter.origin == f"{box.stream} {original.partition}/0"


def test_a_tombstone_stays_one(box: Box) -> None:
    box.put(b"key", None)
    (letter,) = box.letters()
    assert letter.dead.record.value is None


def test_neither_key_nor_value(box: Box) -> None:
    empty = Record(box.stream, 0, 0, None, None, 5)
    send(box.streams, dead_letters.encode(DeadLetter(empty, "empty", ""), box.dead, "s"))
    (letter,) = box.letters()
    assert (letter.dead.record.key, letter.dead.record.value) == (None, None)


def test_replayed_letters_come_again_whole_and_are_done_with(box: Box) -> None:
    box.put(b"one", b"1")
    box.put(None, b"2", reason="other")
    box.put(b"three", b"3")
    first = box.records()
    assert dead_letters.replay(box.streams, box.dead, box.letters("bad")) == 2
    again = [r for r in box.records() if r not in first]
    assert sorted((r.key, r.value) for r in again) == [(b"one", b"1"), (b"three", b"3")]
    assert [r.headers for r in again] == [(*HEADERS, ("undertone-replayed", b"1"))] * 2
    assert [letter.dead.record.value for letter in box.letters()] == [b"2"]


def test_a_record_refused_twice_says_how_often_it_was_replayed(box: Box) -> None:
    box.put(b"k", b"v")
    for times in (1, 2):
        dead_letters.replay(box.streams, box.dead, box.letters())
        newest = max(box.records(), key=lambda r: r.offset)
        assert dict(newest.headers)["undertone-replayed"] == str(times).encode()
        letter = DeadLetter(newest, "bad", "again")
        send(box.streams, dead_letters.encode(letter, box.dead, "inference"))
    (left,) = box.letters()
    assert left.dead.record.headers[:2] == HEADERS


def test_dropped_letters_are_done_with(box: Box) -> None:
    box.put(b"one", b"1")
    box.put(b"two", b"2", reason="other")
    assert dead_letters.drop(box.streams, box.dead, box.letters("other")) == 1
    assert [letter.dead.reason for letter in box.letters()] == ["bad"]


def test_list_shows_what_waits_and_no_markup_of_strangers(box: Box) -> None:
    assert output(box, "list_letters") == "No dead letters.\n"
    box.put(b"one", b"1")
    box.put(b"two", b"2", reason="other")
    shown = output(box, "list_letters")
    assert "[bold]what" in shown
    assert "1 bad, 1 other" in shown
    one = output(box, "list_letters", reason="other", as_json=True)
    assert json.loads(one)["value"] == "2"


def test_choosing(box: Box) -> None:
    box.put(b"one", b"1")
    (letter,) = box.letters()
    assert commands.choose(box.streams, box.dead, [letter.id]) == [letter]
    assert commands.choose(box.streams, box.dead, [], everything=True) == [letter]
    assert commands.choose(box.streams, box.dead, [], reason="other") == []
    assert commands.raw_letter(box.streams, box.dead, letter.id) == b"1"
    assert json.loads(output(box, "show_letter", letter_id=letter.id))["key"] == "one"
    with pytest.raises(UsageError, match="there is no dead letter 7/7 that waits"):
        commands.choose(box.streams, box.dead, ["7/7"])
    with pytest.raises(UsageError, match="say which"):
        commands.choose(box.streams, box.dead, [])


def test_replay_drop_and_streams_as_commands(box: Box) -> None:
    box.put(b"one", b"1")
    source = dead_letters.encode_source(
        b"x", "bad_json", "no", stream=box.dead, stage="ingest", source="a.gz, line 3", now_ms=5
    )
    send(box.streams, source)
    if isinstance(box.streams, MemoryStreams):
        with pytest.raises(UsageError, match="in memory are gone"):
            output(box, "replay_letters", chosen=box.letters())
        with pytest.raises(UsageError, match="set UNDERTONE_STREAMS_URL"):
            commands.list_streams(box.streams, Console(), prefix="", groups={})
        return
    shown = output(box, "replay_letters", chosen=box.letters())
    assert "1 sent back" in shown
    assert "1 never were on a stream" in shown
    assert "1 dropped" in output(box, "drop_letters", chosen=box.letters())
    console = Console(file=io.StringIO(), width=200)
    names = {box.stream: 3, box.dead: 2, box.stream + ".new": 1}
    commands.create_streams(box.streams, names, console, replication=1, retention_h=24)
    commands.list_streams(
        box.streams, console, prefix=box.stream, groups={box.stream: "some-group"}
    )
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"{box.stream}: grown from 2 to 3 partitions" in text
    assert f"{box.dead}: there already with 2 partitions" in text
    assert f"{box.stream}.new: created with 1 partitions" in text
    assert "some-group" in text
    with pytest.raises(UsageError, match="too few brokers for 5 copies"):
        commands.create_streams(
            box.streams, {box.stream + ".five": 1}, console, replication=5, retention_h=1
        )


@pytest.mark.parametrize(
    "record",
    [
        Record("posts", 0, 7, b"k", bytes(5 << 20), 0, HEADERS),
        Record("posts", 0, 7, bytes(5 << 20), b"v", 0),
        Record("posts", 0, 7, b"k", b"v", 0, (("h", bytes(5 << 20)),)),
    ],
    ids=["value", "key", "headers"],
)
def test_a_record_larger_than_ours_can_be_is_kept_as_its_beginning(
    box: Box, record: Record
) -> None:
    letter = DeadLetter(record, "huge", "…" * 3_000, "…" * 9_000)
    send(box.streams, dead_letters.encode(letter, box.dead, "inference"))
    (kept,) = box.letters("huge")
    assert (kept.dead.record.stream, kept.dead.record.offset) == ("posts", 7)
    assert (record.value or b"").startswith(kept.dead.record.value or b"")
