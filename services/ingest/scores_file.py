"""A tap on the stream of scores: one JSON line per scored post and topic, each once.

A worker of its own group drives it as a stage, beside the aggregator. What a
restart repeats is known by (id, topic), remembered like in the store: by the
hour of event time, for as many hours as the replay can still repeat.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

import msgspec

from models.signature import LABELS
from services.errors import BadRecord, UsageError
from services.ingest import times
from services.records import SCORE_UNIT, Scored, decode
from services.stream.port import Output, Record, Result

HOUR_MS = 3_600_000
REMEMBERED_H = 24
"""About 70 bytes for each post and topic of these hours."""


class ScoreLine(msgspec.Struct, frozen=True):
    """One line of the file."""

    id: str
    topic: str
    created_at: str
    label: str
    score: float
    has_image: bool
    has_text: bool
    models: dict[str, tuple[float, float, float]]


class ScoresFile:
    """Implements `Stage`. Lines are appended; a line cut off by a crash is taken away."""

    name = "scores-file"
    max_in_flight = 1

    def __init__(self, path: Path, namespace: str, stream: str) -> None:
        """Goes on with a file that is there: that of the same replay, broken off."""
        self.stream = stream
        self._path, self._namespace = path, namespace
        self._seen: dict[int, set[int]] = {}
        self._newest_h = 0
        try:
            self._recover()
            self._file = path.open("ab")
        except OSError as error:
            raise self._failed(error) from error

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        """Write what is new."""
        lines = []
        for record in records:
            scored = _scored(record)
            if scored is None or scored.namespace != self._namespace:
                continue
            if self._new(scored.created_at_ms, scored.id, scored.topic):
                lines.append(msgspec.json.encode(line_of(scored)) + b"\n")
        try:
            self._file.write(b"".join(lines))
        except OSError as error:
            raise self._failed(error) from error
        done: Future[Result] = Future()
        done.set_result(Result())
        return done

    def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:  # noqa: ARG002
        return {}

    def revoked(self, partitions: Sequence[int]) -> None:
        """Nothing is held for a partition."""

    def tick(self) -> Sequence[Output]:
        return ()

    def flush(self, positions: Mapping[int, int]) -> None:  # noqa: ARG002
        """On disk, before the place in the stream is committed."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _new(self, created_at_ms: int, ident: str, topic: str) -> bool:
        hour = created_at_ms // HOUR_MS
        if hour > self._newest_h:
            self._newest_h = hour
            for old in [h for h in self._seen if h <= hour - REMEMBERED_H]:
                del self._seen[old]
        ids = self._seen.setdefault(hour, set())
        size, key = len(ids), hash((ident, topic))
        ids.add(key)
        return len(ids) > size

    def _recover(self) -> None:
        """Remember what is in the file, and cut off a last line that is not whole."""
        if not self._path.exists():
            return
        decoder, whole = msgspec.json.Decoder(ScoreLine), 0
        with self._path.open("rb+") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                try:
                    line = decoder.decode(raw)
                except msgspec.MsgspecError as error:
                    message = f"{self._path} is there and no file of scores: {error}"
                    raise UsageError(f"{message}. Choose another --scores") from error
                self._new(times.from_iso(line.created_at), line.id, line.topic)
                whole += len(raw)
            file.truncate(whole)

    def _failed(self, error: OSError) -> UsageError:
        return UsageError(
            f"can't write scores to {self._path}: {error.strerror}. Nothing is lost: make room "
            "and run the same command again; it goes on where it stopped"
        )


def _scored(record: Record) -> Scored | None:
    try:
        found = decode(record.value)
    except BadRecord:
        return None  # the aggregator, which reads the same record, sends it to the dead letters
    return found if isinstance(found, Scored) else None


def line_of(scored: Scored) -> ScoreLine:
    """The line of one scored post."""
    return ScoreLine(
        id=scored.id,
        topic=scored.topic,
        created_at=times.shown(scored.created_at_ms),
        label=LABELS[scored.label],
        score=scored.score / SCORE_UNIT,
        has_image=scored.has_image,
        has_text=scored.has_text,
        models={"dmlanet": scored.dmlanet, "rnnca": scored.rnnca},
    )
