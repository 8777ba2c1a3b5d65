"""`undertone detect`: rows in, rows out, and what it says of files that are no good."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from services.alerts.detect_file import GAPS_TOLD, OUT, detect
from services.errors import UsageError

START_S = 4 * 86_400


def series(rows: int, seed: int = 1, surge: range = range(0)) -> list[str]:
    """Five-minute counts around 20, 200 in the surge."""
    rng = np.random.default_rng(seed)
    counts = [int(rng.poisson(200 if row in surge else 20)) for row in range(rows)]
    return [f"{START_S + 300 * row},{count}\n" for row, count in enumerate(counts)]


def run(lines: list[str]) -> tuple[list[list[str]], str]:
    """Rows of the answer, without its header, and the notes."""
    out, notes = io.StringIO(), io.StringIO()
    count = detect(["timestamp,value\n", *lines], "file.csv", out, notes, 0.02)
    header, *rows = csv.reader(io.StringIO(out.getvalue()))
    assert tuple(header) == OUT
    assert count == len(rows) == len(lines)
    return rows, notes.getvalue()


def test_a_surge_is_told_once_and_the_rest_is_calm() -> None:
    rows, notes = run(series(1_500, surge=range(1_200, 1_206)))
    alerts = [row for row, cells in enumerate(rows) if cells[4] == "1"]
    assert len(alerts) == 1
    assert 1_200 <= alerts[0] < 1_203
    scores = [float(cells[3]) for cells in rows]
    assert all(0 <= score <= 1 for score in scores)
    assert [score >= 0.5 for score in scores] == [cells[4] == "1" for cells in rows]
    assert float(rows[1_199][2]) == pytest.approx(20, rel=0.15)
    assert notes == ""


def test_nothing_of_the_future_is_used() -> None:
    lines = series(700, surge=range(500, 510))
    whole, _ = run(lines)
    for length in (1, 2, 400, 503):
        assert run(lines[:length])[0] == whole[:length]


def test_each_row_is_answered_before_the_next_is_read() -> None:
    out = io.StringIO()

    def slow() -> Iterator[str]:
        yield "timestamp,value\n"
        for number, line in enumerate(series(20)):
            assert len(out.getvalue().splitlines()) == number + 1
            yield line

    detect(slow(), "-", out, io.StringIO(), 0.02)


def test_what_was_read_is_given_back_as_it_stood() -> None:
    rows, _ = run(["2015-02-26 21:42:53,104\n", "2015-02-26T21:47:53+00:00,0.50\n"])
    assert [cells[:2] for cells in rows] == [
        ["2015-02-26 21:42:53", "104"],
        ["2015-02-26T21:47:53+00:00", "0.50"],
    ]


def test_a_gap_is_told_and_is_no_calm() -> None:
    lines = series(600)
    rows, notes = run(lines[:300] + lines[400:])
    assert "file.csv line 302: 505 min after line 301" in notes
    assert not [cells for cells in rows if cells[4] == "1"]
    assert float(rows[300][2]) == pytest.approx(20, rel=0.25)


def test_many_gaps_are_counted() -> None:
    lines = [line for row, line in enumerate(series(100)) if row % 7]
    notes = run(lines)[1].splitlines()
    assert len(notes) == GAPS_TOLD + 1
    assert notes[-1] == "file.csv: 14 gaps in all"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header must name timestamp,value; found nothing"),
        ("time,count\n1,2\n", "line 1: the header must name timestamp,value; found time,count"),
        ("timestamp,value\n100,1\n400\n", "line 3: 1 column(s)"),
        ("timestamp,value\n100,1\n\n", "line 3: empty"),
        ("timestamp,value\n100,1\n400,many\n", "line 3: the value 'many' is not a number"),
        ("timestamp,value\n100,1\n400,nan\n", "line 3: the value 'nan' is not a number"),
        ("timestamp,value\n100,1\n400,\n", "line 3: the value '' is not a number"),
        ("timestamp,value\n100,1\n400,-5\n", "line 3: the value -5 is negative"),
        ("timestamp,value\n100,1\nyesterday,5\n", "line 3: 'yesterday' is no time"),
        ("timestamp,value\n100,1\n400,1\n400,1\n", "line 4: 400 repeats line 3"),
        ("timestamp,value\n100,1\n400,1\n300,1\n", "line 4: 300 is earlier than line 3 (400)"),
        ('timestamp,value\n100,1\n"400,1\n', "not CSV"),
    ],
)
def test_a_bad_file_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        detect(io.StringIO(text), "file.csv", io.StringIO(), io.StringIO(), 0.02)
    assert message in str(raised.value)
    assert str(raised.value).startswith("file.csv line ")


def test_rows_before_a_bad_one_are_answered() -> None:
    out = io.StringIO()
    lines = ["timestamp,value\n", *series(10), "nonsense\n"]
    with pytest.raises(UsageError, match="line 12"):
        detect(lines, "file.csv", out, io.StringIO(), 0.02)
    assert len(out.getvalue().splitlines()) == 11


def test_the_command_reads_files_and_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    text = "timestamp,value\n" + "".join(series(30))
    path.write_text("\ufeff" + text, "utf-8")
    undertone = [sys.executable, "-c", "from services.cli import main; main()", "detect"]
    of_file = subprocess.run([*undertone, str(path)], capture_output=True, text=True)
    of_input = subprocess.run([*undertone, "-"], input=text, capture_output=True, text=True)
    assert (of_file.returncode, of_input.returncode) == (0, 0)
    assert of_file.stdout == of_input.stdout
    assert len(of_file.stdout.splitlines()) == 31
    path.write_text(text + "0,1\n", "utf-8")
    bad = subprocess.run([*undertone, str(path)], capture_output=True, text=True)
    assert bad.returncode == 2
    assert "line 32: 0 is earlier than line 31" in bad.stderr
    none = subprocess.run([*undertone, "none.csv"], capture_output=True, text=True)
    assert (none.returncode, none.stderr) == (2, "undertone: there is no file none.csv\n")
