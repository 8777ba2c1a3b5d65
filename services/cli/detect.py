"""The detector alone, on a file of counts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import ALERTS, examples

EXAMPLES = examples("undertone detect counts.csv > judged.csv")


def register(app: typer.Typer) -> None:
    app.command("detect", rich_help_panel=ALERTS, epilog=EXAMPLES)(detect)


def detect(
    file: Annotated[str, typer.Argument(help="CSV with the columns timestamp,value; `-`: stdin.")],
    per_week: Annotated[
        float,
        typer.Option(help="Sensitivity: false alarms a week.", min=1e-6, max=1000.0),
    ] = 0.01,
) -> None:
    """Find surges in a series of counts, with the detector that watches topics.

    Writes timestamp,value,expected,score,alert: a row out for each row in, as it comes,
    using nothing from later rows. `score` is 0..1, higher is more surprising. `alert` is 1
    on the row where an event is told, once for each event (from score 0.5); while it
    lasts scores are halved. Gaps are told on standard error. A malformed row, a negative
    value, a time that repeats or goes back ends the command with status 2 and names the line.
    """
    from services.alerts.detect_file import detect as run
    from services.errors import UsageError

    if file == "-":
        run(sys.stdin, "standard input", sys.stdout, sys.stderr, per_week)
        return
    if not Path(file).exists() or Path(file).is_dir():
        raise UsageError(f"there is no file {file}")
    with Path(file).open(encoding="utf-8-sig", errors="replace", newline="") as source:
        run(source, file, sys.stdout, sys.stderr, per_week)
