"""Records that could not be processed: how they are kept, read, replayed, dropped.

A dead letter is the original record (key, value and headers as they were,
byte for byte) on the stream of dead letters, with headers of ours behind the
original ones, all UTF-8:

    undertone-reason      a short countable code
    undertone-message     what was found
    undertone-traceback   where, for a programmer; may be empty
    undertone-stage       the hop that refused it
    undertone-stream      the stream, partition and offset it was read from,
    undertone-partition   in decimal
    undertone-offset
    undertone-timestamp   of the original record, milliseconds since 1970 UTC
    undertone-source      for what never was on a stream: namespace, file, member and line, or host
    undertone-null        "1" where the original had neither key nor value, which
                          a dead letter can't have (its value is empty then)

A letter that was replayed or dropped stays where it is, as long as the stream
keeps it; behind it on the same partition lies a record without key whose header
`undertone-handled` holds the letter's offset and `undertone-how` what was done.
A replayed record carries `undertone-replayed`: how often it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from services.stream.port import DeadLetter, Output, Record, Streams

PREFIX = "undertone-"
REPLAYED = PREFIX + "replayed"
HANDLED = PREFIX + "handled"
MAX_ORIGINAL = 4 << 20
"""Bytes of the original that are kept: with what is said about it more would not fit the stream of
dead letters, and no hop of ours writes so much."""
MAX_MESSAGE, MAX_TRACEBACK = 2_000, 8_000
"""In characters: a dead letter must not outgrow the stream that takes it."""
CHUNK = 500
"""Records read at once."""
FLUSH_S = 10.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter where it lies."""

    partition: int
    offset: int
    stage: str
    source: str
    dead_at_ms: int
    dead: DeadLetter

    @property
    def id(self) -> str:
        """How a person names it: `partition/offset` on the stream of dead letters."""
        return f"{self.partition}/{self.offset}"

    @property
    def replayable(self) -> bool:
        """Whether it was on a stream, and is more than the fact that it was there."""
        record = self.dead.record
        return bool(record.stream) and (record.key, record.value) != (None, None)

    @property
    def origin(self) -> str:
        """Where the record came from."""
        record = self.dead.record
        return self.source or f"{record.stream} {record.partition}/{record.offset}"


def encode(dead: DeadLetter, stream: str, stage: str, source: str = "") -> Output:
    """The dead letter as a record for `stream`."""
    record = _cut(dead.record)
    ours = {
        "reason": dead.reason,
        "message": dead.message[:MAX_MESSAGE],
        "traceback": dead.traceback[-MAX_TRACEBACK:],
        "stage": stage,
        "stream": record.stream,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp_ms),
        "source": source,
    }
    value = record.value
    if record.key is None and value is None:
        ours["null"], value = "1", b""
    headers = tuple((PREFIX + k, v.encode("utf-8", "replace")) for k, v in ours.items() if v)
    return Output(stream, record.key, value, headers=(*record.headers, *headers))


def _cut(record: Record) -> Record:
    """A record of a stranger that is too large to be kept: how it begins, without its headers."""
    key, value = record.key or b"", record.value or b""
    size = len(key) + len(value) + sum(len(name) + len(held) for name, held in record.headers)
    if size <= MAX_ORIGINAL:
        return record
    kept = value[: max(0, MAX_ORIGINAL - len(key))]
    return replace(record, key=key[:MAX_ORIGINAL] or None, value=kept, headers=())


def encode_source(
    value: bytes, reason: str, message: str, *, stream: str, stage: str, source: str, now_ms: int
) -> Output:
    """A dead letter of bytes that a source brought and that never were on a stream."""
    record = Record("", -1, -1, None, value, now_ms)
    return encode(DeadLetter(record, reason, message), stream, stage, source)


def decode(record: Record) -> DeadLetter:
    """The dead letter in a record of the stream of dead letters."""
    return _letter(record).dead


def _letter(record: Record) -> Letter:
    ours: dict[str, str] = {}
    original: list[tuple[str, bytes]] = []
    for name, value in record.headers:
        if name.startswith(PREFIX) and name != REPLAYED:
            ours[name.removeprefix(PREFIX)] = value.decode("utf-8", "replace")
        else:
            original.append((name, value))
    refused = Record(
        stream=ours.get("stream", ""),
        partition=int(ours.get("partition", -1)),
        offset=int(ours.get("offset", -1)),
        key=record.key,
        value=None if ours.get("null") else record.value,
        timestamp_ms=int(ours.get("timestamp", record.timestamp_ms)),
        headers=tuple(original),
    )
    dead = DeadLetter(
        refused, ours.get("reason", "unknown"), ours.get("message", ""), ours.get("traceback", "")
    )
    stage, source = ours.get("stage", ""), ours.get("source", "")
    return Letter(record.partition, record.offset, stage, source, record.timestamp_ms, dead)


def letters(streams: Streams, stream: str, reason: str | None = None) -> Iterator[Letter]:
    """The letters that nobody has handled, oldest first per partition."""
    for partition, end in sorted(streams.ends(stream).items()):
        handled = {_handled(record) for record in _records(streams, stream, partition, end)}
        for record in _records(streams, stream, partition, end):
            if record.offset in handled or _handled(record) is not None:
                continue
            letter = _letter(record)
            if reason is None or letter.dead.reason == reason:
                yield letter


def _records(streams: Streams, stream: str, partition: int, end: int) -> Iterator[Record]:
    start = 0
    while start < end:
        records = streams.read(stream, partition, start, min(end, start + CHUNK))
        yield from records
        start = records[-1].offset + 1 if records else start + CHUNK


def _handled(record: Record) -> int | None:
    """The offset of the letter that `record` says is handled."""
    found = dict(record.headers).get(HANDLED)
    return None if found is None else int(found)


def replay(streams: Streams, stream: str, chosen: Iterable[Letter]) -> int:
    """Send the original records back to their streams; how many.

    Those that never were on a stream stay: their source has to bring them again.
    """
    producer = streams.producer()
    done = []
    for letter in chosen:
        record = letter.dead.record
        if letter.replayable:
            producer.send(_again(record, streams.partitions(record.stream)))
            done.append(letter)
    producer.flush(FLUSH_S)
    for letter in done:
        producer.send(_mark(stream, letter, "replayed"))
    producer.flush(FLUSH_S)
    producer.close()
    return len(done)


def drop(streams: Streams, stream: str, chosen: Iterable[Letter]) -> int:
    """Mark letters as done with; how many."""
    producer = streams.producer()
    count = 0
    for letter in chosen:
        producer.send(_mark(stream, letter, "dropped"))
        count += 1
    producer.flush(FLUSH_S)
    producer.close()
    return count


def _again(record: Record, partitions: int) -> Output:
    times = int(dict(record.headers).get(REPLAYED, b"0")) + 1
    headers = tuple(h for h in record.headers if h[0] != REPLAYED)
    # What was put on a partition by hand goes there again; a key finds its own.
    partition = record.partition % partitions if record.key is None else None
    again = Output(record.stream, record.key, record.value, partition, headers)
    return replace(again, headers=(*headers, (REPLAYED, str(times).encode())))


def _mark(stream: str, letter: Letter, how: str) -> Output:
    headers = ((HANDLED, str(letter.offset).encode()), (PREFIX + "how", how.encode()))
    return Output(stream, None, b"", letter.partition, headers)
