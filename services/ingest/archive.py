"""An archive file to posts: layers off, format told, each line parsed, every fault named.

    Archive(path, ReadOptions()).items() -> Draft, Gone or Refused, in the order of the file

Reading the same file again yields the same items in the same order: places in
it, and so the cursor of a replay, rely on that.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from services.errors import BadRecord, UsageError
from services.ingest import detect
from services.ingest.checks import checked_gone, checked_post
from services.ingest.draft import Draft, Gone, Item, Parsed, Refused
from services.ingest.formats import jetstream, mastodon, twitter_v1, twitter_v2
from services.ingest.formats.csv_rows import CsvRows
from services.ingest.formats.json_text import BOM, elements, patient
from services.ingest.formats.parquet_rows import parquet_rows
from services.ingest.formats.tabular import Columns, JsonRows
from services.ingest.layers import ERRORS, Head, members, named, whole
from services.ingest.lines import KEPT, MAX_LINE, Line, TooLong, lines
from services.ingest.text import sound

log = logging.getLogger(__name__)

STDIN = Path("-")
MAX_DOCUMENT = 64 << 20
UNDECIDED, UNDECIDED_BYTES = 100, 2 * MAX_LINE
"""Lines looked at, and held, at most, until one tells the format."""
Parse = Callable[[bytes], list[Parsed]]

_PARSERS: dict[str, Parse] = {
    detect.TWITTER_V1: twitter_v1.parse,
    detect.TWITTER_V2: twitter_v2.parse,
    detect.JETSTREAM: jetstream.parse,
    detect.MASTODON: mastodon.parse,
}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How archives are read. `format` is "" for telling it by content."""

    format: str = ""
    columns: Columns = field(default_factory=lambda: Columns({}))
    max_line: int = MAX_LINE

    def __post_init__(self) -> None:
        if self.format and self.format not in detect.FORMATS:
            known = ", ".join(detect.FORMATS)
            raise UsageError(f"--format: {self.format!r} is none of {known}")


class Counted:
    """A file whose reading is counted, for progress."""

    def __init__(self, path: Path) -> None:
        self.done = 0
        try:
            self._file = sys.stdin.buffer if path == STDIN else path.open("rb")
        except OSError as error:
            raise UsageError(f"can't read {path}: {error.strerror}") from error

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(size)
        self.done += len(piece)
        return piece

    def close(self) -> None:
        if self._file is not sys.stdin.buffer:
            self._file.close()


class Archive:
    """One file, or standard input. `now_ms` dates what was never recorded: the arrival."""

    def __init__(self, path: Path, options: ReadOptions, now_ms: Callable[[], int]) -> None:
        self.path = path
        self._options = options
        self._now_ms = now_ms
        self._file: Counted | None = None

    @property
    def bytes_done(self) -> int:
        """Of the file, compressed as it is, in this pass."""
        return self._file.done if self._file else 0

    def items(self) -> Iterator[Item]:
        """Everything in it. What can't be read is `Refused`, and the rest goes on."""
        self._file = file = Counted(self.path)
        member, line = "", 0
        try:
            for member, head in members(file):
                line = 0
                for line, raw, parsed in self._member(member, head):
                    yield from self._checked(parsed, member, line, raw)
        except (BadRecord, *ERRORS) as error:
            yield self._refused(named(error), member, line, b"")
        finally:
            file.close()

    def _member(self, member: str, head: Head) -> Iterator[tuple[int, bytes, list[Parsed]]]:
        """One file's worth, with its own end: a broken member does not end the tar around it."""
        start, line = head.peek(), 0
        if not start.strip():
            log.warning("%s %s: empty", self.path, member)
        try:
            for line, raw, parsed in self._cut(head, start):
                yield line, raw, parsed
        except (BadRecord, *ERRORS) as error:
            yield line, start[:KEPT] if not line else b"", [named(error)]

    def _cut(self, head: Head, start: bytes) -> Iterator[tuple[int, bytes, list[Parsed]]]:
        if start.startswith(detect.PICTURES):
            return
        shape = detect.layout(start, self._options.format)
        if shape == detect.PARQUET:
            for number, parsed in parquet_rows(self._seekable(head), self._options.columns):
                yield number, b"", parsed
        elif shape == detect.CSV:
            delimiter = detect.delimiter(start, self._options.columns) or ","
            yield from CsvRows(
                lines(head, self._options.max_line), delimiter, self._options.columns
            )
        elif shape == detect.DOCUMENT:
            yield from self._document(whole(head, MAX_DOCUMENT))
        else:
            yield from self._lines(lines(head, self._options.max_line))

    def _seekable(self, head: Head) -> Path | BytesIO:
        """Parquet is read from its end: a plain file as it is, anything else from memory."""
        if self.path != STDIN:
            with self.path.open("rb") as file:
                if file.read(4) == b"PAR1":
                    return self.path
        return BytesIO(whole(head, MAX_DOCUMENT))

    def _document(self, data: bytes) -> Iterator[tuple[int, bytes, list[Parsed]]]:
        """JSON over many lines: one answer, or an array of objects, numbered from 1."""
        is_array = data.lstrip(BOM + b" \t\r\n").startswith(b"[")
        yield from self._lines(enumerate(elements(data), 1) if is_array else iter([(1, data)]))

    def _lines(self, numbered: Iterator[Line]) -> Iterator[tuple[int, bytes, list[Parsed]]]:
        """Lines of JSON; the first ones wait until one of them tells the format."""
        waiting: list[Line] = []
        held = 0
        parse = self._parser(self._options.format) if self._options.format else None
        for number, line in numbered:
            if parse is None:
                waiting.append((number, line))
                told = "" if isinstance(line, TooLong) else self._told(line)
                held += len(line.head if isinstance(line, TooLong) else line)
                if not told and len(waiting) < UNDECIDED and held < UNDECIDED_BYTES:
                    continue
                if not told:
                    raise _unknown(waiting)
                parse = self._parser(told)
                for earlier, bare in waiting:
                    yield from _parsed(parse, earlier, bare)
                waiting = []
            else:
                yield from _parsed(parse, number, line)
        if any(isinstance(line, TooLong) or line.strip() for _, line in waiting):
            yield from _undecided(waiting)

    def _told(self, line: bytes) -> str:
        return detect.json_format(line, self._options.columns) if line.strip() else ""

    def _parser(self, name: str) -> Parse:
        return _PARSERS[name] if name in _PARSERS else JsonRows(self._options.columns).parse

    def _checked(self, found: list[Parsed], member: str, line: int, raw: bytes) -> Iterator[Item]:
        """What can't be true is refused here, while the original bytes are at hand."""
        for parsed in found:
            try:
                yield self._sound(parsed)
            except BadRecord as error:
                yield self._refused(error, member, line, raw)
                raw = b""  # a page of many bad posts keeps its bytes once

    def _sound(self, parsed: Parsed) -> Draft | Gone:
        if isinstance(parsed, Draft):
            return checked_post(parsed, self._now_ms())
        if isinstance(parsed, Gone):
            return checked_gone(parsed, self._now_ms())
        raise parsed

    def _refused(self, error: BadRecord, member: str, line: int, raw: bytes) -> Refused:
        message = str(error)
        if len(raw) > KEPT:
            message += f" (the first {KEPT} of {len(raw)} bytes are kept)"
        named = (sound(text) for text in (str(self.path), member, error.reason, message))
        file, member, reason, message = named
        return Refused(file, member, line, reason, message, raw[:KEPT])


def _parsed(
    parse: Parse, number: int, line: bytes | TooLong
) -> Iterator[tuple[int, bytes, list[Parsed]]]:
    if isinstance(line, TooLong):
        message = f"a line of {line.size} bytes; its first {len(line.head)} are kept"
        yield number, line.head, [BadRecord("line_too_long", message)]
        return
    try:
        found = parse(line)
    except BadRecord as error:
        if not line.strip():
            return  # keep-alives of streams are empty lines
        found = [error]
    if found:
        yield number, line, found


def _unknown(waiting: list[Line]) -> BadRecord:
    start = next((line for _, line in waiting if isinstance(line, bytes) and line.strip()), b"")
    return BadRecord(
        "unknown_format",
        f"none of its first {len(waiting)} lines is of a format we read; the first begins with "
        f"{start[:60]!r}. Formats: {', '.join(detect.FORMATS)} (--format tells which)",
    )


def _undecided(waiting: list[Line]) -> Iterator[tuple[int, bytes, list[Parsed]]]:
    """A short file of which no line told: broken JSON line by line, else all of it at once."""
    objects = [line for _, line in waiting if isinstance(line, bytes) and line.lstrip()[:1] == b"{"]
    if not objects and not any(isinstance(line, TooLong) for _, line in waiting):
        raise _unknown(waiting)
    for number, line in waiting:
        if isinstance(line, bytes) and line.strip():
            try:
                patient(line)
                yield number, line, [BadRecord("unknown_format", "no post of a format we read")]
            except BadRecord as error:
                yield number, line, [error]
        elif isinstance(line, TooLong):
            yield from _parsed(twitter_v1.parse, number, line)
