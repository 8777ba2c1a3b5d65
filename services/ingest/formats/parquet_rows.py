"""Parquet, a batch of rows at a time. pyarrow is an extra of its own: `undertone[parquet]`."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from services.errors import BadRecord, UsageError
from services.ingest.draft import Parsed
from services.ingest.formats.tabular import USUAL, Columns

ROWS = 256
"""Rows decoded at once: with pictures inside, some 5 MB."""


def parquet_rows(file: Path | BytesIO, columns: Columns) -> Iterator[tuple[int, list[Parsed]]]:
    """Rows with their number, from 1. `BadRecord` where the file is none, `UsageError` without
    pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'undertone[parquet]'") from None
    try:
        with pq.ParquetFile(file) as table_file:
            names = list(table_file.schema_arrow.names)
            table = columns.of(names)
            usual = {name for names in USUAL.values() for name in names} | set(
                columns.told.values()
            )
            wanted = [name for name in names if name.lower() in usual or name in usual]
            number = 0
            for batch in table_file.iter_batches(batch_size=ROWS, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    try:
                        yield number, [table.draft(row)]
                    except BadRecord as error:
                        yield number, [error]
    except (pa.ArrowException, OSError) as error:
        raise BadRecord("broken_parquet", str(error)) from error
