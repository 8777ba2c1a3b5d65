"""The hop: what goes on which stream, when the place is saved, what an outage does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event

import msgspec

from services.errors import Unavailable
from services.ingest.replay import Cursor
from services.ingest.worker import IngestWorker, Limits, Streamed
from services.records import End, Post, decode
from services.stream import dead_letters
from services.stream.attempts import Backoff
from services.stream.memory import MemoryStreams
from services.stream.port import Record
from tests.data_tools import tweet, write_lines
from tests.unit.ingest.helpers import replay

NAMES = Streamed("posts", "dead-letters")


def archive(tmp_path: Path, posts: int = 20) -> Path:
    path = write_lines(tmp_path / "a.jsonl", [tweet(n) for n in range(posts)])
    path.write_bytes(path.read_bytes() + b"broken\n")
    return path


def records(streams: MemoryStreams, stream: str) -> list[Record]:
    return [
        record
        for partition, end in streams.ends(stream).items()
        for record in streams.read(stream, partition, 0, end)
    ]


class Streams(MemoryStreams):
    """Memory streams whose flush fails when told to."""

    away = 0

    def producer(self):  # type: ignore[no-untyped-def]
        made, inner = super().producer(), super().producer().flush

        def flush(timeout_s: float) -> None:
            if self.away:
                self.away -= 1
                raise Unavailable("kafka", "no broker")
            inner(timeout_s)

        made.flush = flush  # type: ignore[method-assign]
        return made


def opened(streams: MemoryStreams) -> MemoryStreams:
    """With a reader, so that nothing is dropped."""
    for stream in ("posts", "dead-letters"):
        streams.consumer(stream, "test").poll(1, 0)
    return streams


def test_posts_dead_letters_and_the_end_on_every_partition(tmp_path: Path) -> None:
    streams, saved = opened(MemoryStreams(3)), list[bytes]()
    worker = IngestWorker(replay(tmp_path, archive(tmp_path)), streams, NAMES, saved.append)
    worker.run(Event())
    assert worker.done
    found = [decode(record.value) for record in records(streams, "posts")]
    assert sum(isinstance(one, Post) for one in found) == 20
    assert [one for one in found if isinstance(one, End)] == [End("ns")] * 3
    (letter,) = dead_letters.letters(streams, "dead-letters")
    assert (letter.dead.reason, letter.dead.record.value) == ("malformed_json", b"broken")
    assert letter.origin == f"ns: {tmp_path / 'a.jsonl'}, line 21"
    assert not letter.replayable
    assert msgspec.json.decode(saved[-1], type=Cursor).ended


def test_embedded_the_runner_saves(tmp_path: Path) -> None:
    streams, saved = opened(MemoryStreams(1)), list[bytes]()
    source = replay(tmp_path, archive(tmp_path))
    worker = IngestWorker(
        source, streams, NAMES, saved.append, runner_saves=True, limits=Limits(batch_size=5)
    )
    while not records(streams, "posts"):
        worker.step()
    assert not saved
    worker.saved()
    place = msgspec.json.decode(saved[-1], type=Cursor)
    assert (place.counters.posts_read, place.ended) == (5, False)
    while not worker.done:
        worker.step()
    assert len(saved) == 1


def test_without_room_nothing_is_read(tmp_path: Path) -> None:
    room = [0]
    worker = IngestWorker(
        replay(tmp_path, archive(tmp_path)),
        opened(MemoryStreams(1)),
        NAMES,
        lambda cursor: None,
        room=lambda: room[0],
        sleep=lambda s: None,
    )
    assert not any(worker.step() for _ in range(5))
    room[0] = 100
    assert any(worker.step() for _ in range(5))


def test_an_outage_repeats_what_was_not_acknowledged_and_saves_nothing(tmp_path: Path) -> None:
    streams, saved, naps = opened(Streams(1)), list[bytes](), list[float]()
    assert isinstance(streams, Streams)
    streams.away = 2

    def nap(seconds: float) -> None:
        naps.append(seconds)
        assert not saved

    worker = IngestWorker(
        replay(tmp_path, archive(tmp_path)),
        streams,
        NAMES,
        saved.append,
        backoff=Backoff(0.001, 0.001),
        sleep=nap,
    )
    healthy: list[bool] = []
    while not worker.done:
        worker.step(0.001)
        healthy.append(bool(worker.health()["healthy"]))
    assert False in healthy
    assert healthy[-1]
    found: Sequence[object] = [decode(record.value) for record in records(streams, "posts")]
    assert {one.id for one in found if isinstance(one, Post)} == {
        f"x:{tweet(n)['id_str']}" for n in range(20)
    }
    assert len(saved) == 1
