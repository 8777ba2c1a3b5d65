"""Comma separated values, row by row, with the bytes and the line that each row came from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from services.errors import BadRecord
from services.ingest.draft import Parsed
from services.ingest.formats.tabular import Columns, Table
from services.ingest.lines import Line, TooLong

Row = tuple[int, bytes, list[Parsed]]
"""First line, original bytes, what was found."""


class CsvRows:
    """Rows of one table. Its first row names the columns.

    A field may hold line breaks inside quotes. A quote that is never closed would
    swallow the rest: the field's limit (the csv module's, 128 KB) ends it, what
    was swallowed is one bad row, and the next line begins anew.
    """

    def __init__(self, lines: Iterable[Line], delimiter: str, columns: Columns) -> None:
        self._lines = iter(lines)
        self._columns = columns
        self._rows = csv.reader(self._texts(), delimiter=delimiter, strict=False)
        self._taken: list[bytes] = []
        self._begun = 0
        self._too_long: BadRecord | None = None

    def __iter__(self) -> Iterator[Row]:
        header = self._next()
        if isinstance(header, BadRecord):
            raise header
        names = [_readable(cell) for cell in header or ()]
        table = self._columns.of(names)
        while (row := self._next()) is not None:
            value = b"\n".join(self._taken)
            if isinstance(row, BadRecord):
                yield self._begun, value, [row]
            elif row:
                yield self._begun, value, [_parsed(table, names, row)]

    def _texts(self) -> Iterator[str]:
        """Lines as text; bytes that are no UTF-8 survive as lone surrogates, to be found later."""
        for number, line in self._lines:
            if not self._taken:
                self._begun = number
            if isinstance(line, TooLong):
                self._taken.append(line.head)
                self._too_long = BadRecord("line_too_long", f"a line of {line.size} bytes")
                yield "\n"
                continue
            self._taken.append(line)
            yield line.decode("utf-8", "surrogateescape") + "\n"

    def _next(self) -> list[str] | BadRecord | None:
        self._taken, self._too_long = [], None
        try:
            row = next(self._rows, None)
        except csv.Error as error:
            return BadRecord("malformed_csv", str(error))
        return self._too_long or row


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
