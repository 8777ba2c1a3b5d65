"""Records that could not be processed: how they are kept, shown, replayed, dropped.

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
    undertone-null        "1" where the original had neither key nor value, which
                          a dead letter can't have (its value is empty then)
"""

from __future__ import annotations

from services.stream.port import DeadLetter, Output, Record

PREFIX = "undertone-"
MAX_MESSAGE, MAX_TRACEBACK = 2_000, 8_000
"""In characters: a dead letter must not outgrow the stream that takes it."""


def encode(dead: DeadLetter, stream: str, stage: str) -> Output:
    """The dead letter as a record for `stream`."""
    record = dead.record
    ours = {
        "reason": dead.reason,
        "message": dead.message[:MAX_MESSAGE],
        "traceback": dead.traceback[-MAX_TRACEBACK:],
        "stage": stage,
        "stream": record.stream,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp_ms),
    }
    value = record.value
    if record.key is None and value is None:
        ours["null"], value = "1", b""
    headers = tuple((PREFIX + k, v.encode("utf-8", "replace")) for k, v in ours.items())
    return Output(stream, record.key, value, headers=(*record.headers, *headers))


def decode(record: Record) -> DeadLetter:
    """The dead letter in a record of the stream of dead letters."""
    ours: dict[str, str] = {}
    original: list[tuple[str, bytes]] = []
    for name, value in record.headers:
        if name.startswith(PREFIX):
            ours[name.removeprefix(PREFIX)] = value.decode("utf-8", "replace")
        else:
            original.append((name, value))
    return DeadLetter(
        Record(
            stream=ours.get("stream", ""),
            partition=int(ours.get("partition", -1)),
            offset=int(ours.get("offset", -1)),
            key=record.key,
            value=None if ours.get("null") else record.value,
            timestamp_ms=int(ours.get("timestamp", record.timestamp_ms)),
            headers=tuple(original),
        ),
        ours.get("reason", "unknown"),
        ours.get("message", ""),
        ours.get("traceback", ""),
    )
