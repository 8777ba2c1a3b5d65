"""Comma separated values, row by row, with the bytes and the line that each row came from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from services.errors import BadRecord
from services.ingest.draft import Parsed
from services.ingest.formats.tabular import Columns, Table
from services.ingest.lines import MAX_LINE, Line, TooLong

Row = tuple[int, bytes, list[Parsed]]
"""First line, original bytes, what was found."""


class CsvRows:
    """Rows of one table. Its first row names the columns.

    A field may hold line breaks inside quotes. A quote that is never closed would
    swallow the rest: the limit of a field (the csv module's, 128 KB) or of a row ends
    it, what was swallowed is one bad row, and the next line begins anew.
    """

    def __init__(
        self, lines: Iterable[Line], delimiter: str, columns: Columns, max_row: int = MAX_LINE
    ) -> None:
        self._columns = columns
        self._texts = _Texts(lines, max_row)
        self._rows = csv.reader(self._texts, delimiter=delimiter, strict=False)

    def __iter__(self) -> Iterator[Row]:
        header = self._next()
        if isinstance(header, BadRecord):
            raise header
        names = [_readable(cell) for cell in header or ()]
        table = self._columns.of(names)
        while (row := self._next()) is not None:
            begun, value = self._texts.begun, b"\n".join(self._texts.taken)
            if isinstance(row, BadRecord):
                yield begun, value, [row]
            elif row:
                yield begun, value, [_parsed(table, names, row)]

    def _next(self) -> list[str] | BadRecord | None:
        self._texts.begin()
        try:
            row = next(self._rows, None)
        except csv.Error as error:
            return BadRecord("malformed_csv", str(error))
        except BadRecord as error:
            return error
        return self._texts.too_long or row


class _Texts:
    """Lines as text, and the bytes of the row that they are of; bytes that are no UTF-8 survive as
    lone surrogates, to be found later."""

    def __init__(self, lines: Iterable[Line], max_row: int) -> None:
        self._lines, self._max_row = iter(lines), max_row
        self.begin()

    def begin(self) -> None:
        """The next line is the first of a row."""
        self.taken: list[bytes] = []
        self.begun, self._size = 0, 0
        self.too_long: BadRecord | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        self.begun = self.begun or number
        kept = line.head if isinstance(line, TooLong) else line
        self.taken.append(kept)
        self._size += len(kept) + 1
        if isinstance(line, TooLong):
            self.too_long = BadRecord("line_too_long", f"a line of {line.size} bytes")
            return "\n"
        if self._size > self._max_row and len(self.taken) > 1:
            raise BadRecord("malformed_csv", f"a row of more than {self._max_row} bytes")
        return line.decode("utf-8", "surrogateescape") + "\n"


def _readable(cell: str) -> str:
    """A column's name, without the mark that Excel puts before the first."""
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace").lstrip("\ufeff")


def _parsed(table: Table, names: list[str], row: list[str]) -> Parsed:
    if len(row) != len(names):
        message = f"{len(row)} fields, where the header has {len(names)}"
        return BadRecord("wrong_columns", message)
    try:
        for cell in row:
            cell.encode()
    except UnicodeEncodeError as error:
        return BadRecord("invalid_utf8", f"{error.object[:60]!r} is no UTF-8")
    try:
        return table.draft(dict(zip(names, row, strict=True)))
    except BadRecord as error:
        return error
