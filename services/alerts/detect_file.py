"""`undertone detect`: a CSV of counts in, the same with what was expected and how odd it is out.

A row out for each row in, as it comes; nothing is taken from later rows. A row
covers one width of time from its own on: the least distance of rows so far is the series'
width, and where more than half a row is missing there is a gap, which is told
and neither judged nor taught.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TextIO

from services.alerts.detector_series import PER_WEEK, Series
from services.errors import UsageError

COLUMNS = ("timestamp", "value")
OUT = ("timestamp", "value", "expected", "score", "alert")
GAPS_TOLD = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    line: int
    timestamp: str
    value: str
    at_ms: int
    posts: float


def rows(source: Iterable[str], name: str) -> Iterator[Row]:
    """The rows of a CSV with the columns `timestamp` and `value`, in order of time.

    `UsageError` names the line of what is malformed, negative, repeated or out of order.
    """
    reader = csv.reader(source, strict=True)
    before: Row | None = None
    try:
        places = _places(next(reader, []), name)
        for cells in reader:
            where = f"{name} line {reader.line_num}"
            if not cells:
                raise UsageError(f"{where}: empty; each line is a timestamp and a value")
            row = _row(cells, places, reader.line_num, where)
            if before is not None and row.at_ms <= before.at_ms:
                what = "repeats" if row.at_ms == before.at_ms else "is earlier than"
                raise UsageError(
                    f"{where}: {row.timestamp} {what} line {before.line} ({before.timestamp}); "
                    "rows must be in order of time, each time once"
                )
            yield row
            before = row
    except csv.Error as error:
        raise UsageError(f"{name} line {reader.line_num}: not CSV ({error})") from None


def _places(header: list[str], name: str) -> tuple[int, int]:
    names = [cell.strip().lower() for cell in header]
    if any(column not in names for column in COLUMNS):
        found = ",".join(header)[:80] or "nothing"
        raise UsageError(f"{name} line 1: the header must name timestamp,value; found {found}")
    return names.index(COLUMNS[0]), names.index(COLUMNS[1])


def _row(cells: list[str], places: tuple[int, int], line: int, where: str) -> Row:
    if len(cells) <= max(places):
        raise UsageError(f"{where}: {len(cells)} column(s), where timestamp and value are needed")
    timestamp, value = cells[places[0]].strip(), cells[places[1]].strip()
    try:
        count = float(value)
    except ValueError:
        count = math.nan
    if not math.isfinite(count):
        raise UsageError(f"{where}: the value {value[:40]!r} is not a number")
    if count < 0:
        raise UsageError(f"{where}: the value {value} is negative; counts never are")
    return Row(line, timestamp, value, _time_ms(timestamp, where), count)


def _time_ms(text: str, where: str) -> int:
    """ISO 8601 (without zone: UTC), or seconds or milliseconds since 1970."""
    try:
        if text.replace(".", "", 1).isdigit():
            number = float(text)
            return round(number if number >= 1e11 else number * 1000)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{where}: {text[:40]!r} is no time; write 2015-02-26 21:42:53, or seconds since 1970"
        ) from None
    past = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1000 + past.microseconds // 1000


class Detection:
    """Follows the rows: their width, gaps between them, and what the detector says."""

    def __init__(self, per_week: float = PER_WEEK) -> None:
        self._series = Series(per_week)
        self._first: Row | None = None
        self._before: Row | None = None
        self._width_ms = 0
        self.gaps: list[tuple[Row, Row]] = []

    def take(self, row: Row) -> list[str]:
        """The line for ROW, as cells of `OUT`."""
        before, self._before = self._before, row
        if before is None:
            self._first = row
            return [row.timestamp, row.value, row.value, "0.000000", "0"]
        self._widen(before, row)
        point = self._series.next(row.at_ms, self._width_ms / 60_000, row.posts)
        return [
            row.timestamp,
            row.value,
            f"{point.expected:.6g}",
            f"{point.score:.6f}",
            str(int(point.alert)),
        ]

    def _widen(self, before: Row, row: Row) -> None:
        apart = row.at_ms - before.at_ms
        self._width_ms = min(self._width_ms or apart, apart)
        if self._first is not None:
            # Only now is it known how long the first row's time was.
            first, self._first = self._first, None
            self._series.next(first.at_ms, self._width_ms / 60_000, first.posts)
        if apart > 1.5 * self._width_ms:
            self.gaps.append((before, row))


def detect(source: Iterable[str], name: str, out: TextIO, notes: TextIO, per_week: float) -> int:
    """Write the answer to OUT and what is worth knowing to NOTES; how many rows there were."""
    detection = Detection(per_week)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(OUT)
    count = 0
    for row in rows(source, name):
        count += 1
        gaps = len(detection.gaps)
        writer.writerow(detection.take(row))
        out.flush()
        if gaps < len(detection.gaps) <= GAPS_TOLD:
            notes.write(_gap(name, *detection.gaps[-1]))
    if len(detection.gaps) > GAPS_TOLD:
        notes.write(f"{name}: {len(detection.gaps)} gaps in all\n")
    return count


def _gap(name: str, before: Row, row: Row) -> str:
    minutes = (row.at_ms - before.at_ms) / 60_000
    return (
        f"{name} line {row.line}: {minutes:.6g} min after line {before.line} ({before.timestamp}): "
        "a gap, neither judged nor learnt from\n"
    )
