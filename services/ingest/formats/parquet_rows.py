"""Parquet, a batch of rows at a time. pyarrow is an extra of its own: `undertone[parquet]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from services.errors import BadRecord, UsageError
from services.ingest.draft import Parsed
from services.ingest.formats.tabular import USUAL, Columns, Table

ROWS = 256
"""Rows decoded at once: with pictures inside, some 5 MB."""

Cells = Mapping[str, object]


def parquet_rows(file: Path | BytesIO, columns: Columns) -> Iterator[tuple[int, list[Parsed]]]:
    """Rows with their number, from 1. `BadRecord` where the file is none, `UsageError` without
    pyarrow."""
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'undertone[parquet]'") from None
    with _pyarrow():
        table_file = pq.ParquetFile(file)
        names = list(table_file.schema_arrow.names)
    with table_file:
        table = columns.of(names)
        usual = {name for names in USUAL.values() for name in names} | set(columns.told.values())
        wanted = [name for name in names if name.lower() in usual or name in usual]
        with _pyarrow():
            batches = table_file.iter_batches(batch_size=ROWS, columns=wanted)
        number = 0
        while (rows := _following(batches)) is not None:
            for cells in rows:
                number += 1
                yield number, [_parsed(table, cells)]


@contextmanager
def _pyarrow() -> Iterator[None]:
    """What pyarrow makes of a broken file: its own errors, and some of Python's."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise BadRecord("broken_parquet", str(error)) from error


def _following(batches: Iterator[Any]) -> list[Cells | BadRecord] | None:
    """The rows of the next batch; None behind the last."""
    with _pyarrow():
        batch = next(batches, None)
        return None if batch is None else _cells(_in_microseconds(batch))


def _cells(batch: Any) -> list[Cells | BadRecord]:
    """Rows of a batch; where Python can't hold one (a time of the year 300,000, text that is no
    UTF-8) the others are read all the same."""
    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError) as error:  # of pyarrow's own errors too
        if batch.num_rows == 1:
            return [BadRecord("unreadable_row", str(error))]
    return [row for at in range(batch.num_rows) for row in _cells(batch.slice(at, 1))]


def _in_microseconds(batch: Any) -> Any:
    """Times of nanoseconds, as pandas writes them, cut to what Python can hold."""
    import pyarrow as pa

    cut = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(cut, names=batch.schema.names)


def _parsed(table: Table, cells: Cells | BadRecord) -> Parsed:
    if isinstance(cells, BadRecord):
        return cells
    try:
        return table.draft(cells)
    except BadRecord as error:
        return error
