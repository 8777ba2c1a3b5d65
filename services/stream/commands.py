"""What `undertone dead-letters` and `undertone streams` do; the command line only declares them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.errors import UsageError
from services.stream import dead_letters
from services.stream.dead_letters import Letter
from services.stream.memory import MemoryStreams
from services.stream.port import Streams


def list_letters(
    streams: Streams,
    stream: str,
    console: Console,
    *,
    reason: str | None = None,
    limit: int = 100,
    as_json: bool = False,
) -> None:
    """What waits, newest of `limit` last, and how many of each reason."""
    found = list(dead_letters.letters(streams, stream, reason))
    if as_json:
        for letter in found[-limit:]:
            console.print_json(json.dumps(describe(letter)), indent=None)
        return
    if not found:
        console.print("No dead letters." if reason is None else f"No dead letters of {reason}.")
        return
    for letter in found[-limit:]:
        _print(letter, console)
    counts = Counter(letter.dead.reason for letter in found)
    console.print(", ".join(f"{count} {name}" for name, count in counts.most_common()))
    if len(found) > limit:
        console.print(f"The last {limit} of {len(found)} are shown; --limit shows more.")


def _print(letter: Letter, console: Console) -> None:
    """Two lines: which, when, where, why; then what was found."""
    when = datetime.fromtimestamp(letter.dead_at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    message = letter.dead.message.splitlines()[0] if letter.dead.message else ""
    head = f"{when} UTC  {letter.stage}  {letter.dead.reason}  {letter.origin}"
    console.print(Text.assemble((letter.id, "bold"), "  ", _plain(head)), soft_wrap=True)
    console.print(Text(f"    {_plain(message)}"), soft_wrap=True)


def _plain(text: str) -> str:
    """Text of strangers: no control characters."""
    return "".join(c if c.isprintable() else "�" for c in text)


def describe(letter: Letter) -> dict[str, Any]:
    """All that is known of a letter, for JSON; bytes as text, with \\x… for what is none."""
    record = letter.dead.record

    def text(value: bytes | None) -> str | None:
        return None if value is None else value.decode("utf-8", "backslashreplace")

    return {
        "id": letter.id,
        "dead_at_ms": letter.dead_at_ms,
        "stage": letter.stage,
        "reason": letter.dead.reason,
        "message": letter.dead.message,
        "traceback": letter.dead.traceback,
        "source": letter.source,
        "stream": record.stream,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": text(record.key),
        "value": text(record.value),
        "headers": [[name, text(value)] for name, value in record.headers],
    }


def show_letter(streams: Streams, stream: str, console: Console, letter_id: str) -> None:
    """One letter whole."""
    (letter,) = choose(streams, stream, [letter_id])
    console.print_json(json.dumps(describe(letter)))


def raw_letter(streams: Streams, stream: str, letter_id: str) -> bytes:
    """The original bytes of one letter."""
    (letter,) = choose(streams, stream, [letter_id])
    return letter.dead.record.value or b""


def choose(
    streams: Streams,
    stream: str,
    ids: Sequence[str],
    *,
    reason: str | None = None,
    everything: bool = False,
) -> list[Letter]:
    """The letters named by id, or all, or all of a reason. `UsageError` for an id that is none."""
    if not ids and reason is None and not everything:
        raise UsageError("say which dead letters: their ids (see list), --reason, or --all")
    found = {letter.id: letter for letter in dead_letters.letters(streams, stream, reason)}
    if not ids:
        return list(found.values())
    for one in ids:
        if one not in found:
            raise UsageError(f"there is no dead letter {one} that waits; `dead-letters list` shows")
    return [found[one] for one in ids]


def replay_letters(
    streams: Streams, stream: str, console: Console, chosen: Sequence[Letter]
) -> None:
    """Send them back to where they came from."""
    if isinstance(streams, MemoryStreams):
        raise UsageError(
            "streams in memory are gone with their process, so nothing can be sent back to them: "
            "mend the archive and replay it; what was counted is not counted twice"
        )
    sent = dead_letters.replay(streams, stream, chosen)
    console.print(f"{sent} sent back to their streams.")
    if sent < len(chosen):
        console.print(f"{len(chosen) - sent} never were on a stream: their source must bring them.")


def drop_letters(streams: Streams, stream: str, console: Console, chosen: Sequence[Letter]) -> None:
    """Be done with them."""
    console.print(f"{dead_letters.drop(streams, stream, chosen)} dropped.")


def create_streams(
    streams: Streams,
    names: Mapping[str, int],
    console: Console,
    *,
    replication: int,
    retention_h: int,
) -> None:
    """Make the streams that are not there, with so many partitions; grow those with fewer."""
    done = _kafka(streams).create_streams(names, replication, retention_h)
    for name, what in done.items():
        console.print(f"{name}: {what}")


def list_streams(
    streams: Streams, console: Console, *, prefix: str, groups: Mapping[str, str]
) -> None:
    """Streams with partitions, records, and how far behind their group is (`groups`: by stream)."""
    kafka = _kafka(streams)
    table = Table("stream", "partitions", "records ever", "group", "behind", box=None)
    for name, count in sorted(kafka.streams(prefix).items()):
        records = sum(streams.ends(name).values())
        group = groups.get(name, "")
        behind = str(sum(kafka.lag(name, group).values())) if group else ""
        table.add_row(name, str(count), str(records), group, behind)
    if not table.row_count:
        console.print(f"No streams named {prefix}…: `undertone streams create` makes them.")
    else:
        console.print(table)


def _kafka(streams: Streams) -> Any:
    if isinstance(streams, MemoryStreams):
        raise UsageError(
            "streams in memory come and go with their process: set UNDERTONE_STREAMS_URL="
            "kafka://host:port"
        )
    return streams
