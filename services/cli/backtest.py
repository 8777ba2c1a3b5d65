"""The face of `undertone backtest`: progress, then each alert, and how two rule sets differ."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.alerts import wording
from services.alerts.commands import alerts_table
from services.backtest import Request, backtest
from services.cli.common import stop_on_signal
from services.cli.replay import Face
from services.errors import UsageError
from services.replay import Watch
from services.settings import Settings
from services.store.alerts import OPENED, Alert, AlertEvent
from services.topics import load_topics


def run(settings: Settings, request: Request, png: Path | None, *, as_json: bool) -> int:
    """The exit status: 0, or 130 where it was stopped before the end."""
    sets = [path for path in (request.topics, request.compare) if path is not None]
    for path in sets:
        load_topics(path)
    if png is not None and not png.resolve().parent.is_dir():
        raise UsageError(f"there is no folder {png.parent} for the picture")
    face = Face()
    with stop_on_signal() as stop:
        try:
            watch = Watch(face.started, face.moved, face.waiting)
            outcome = backtest(settings, request, stop, watch)
        finally:
            face.finished()
    if not outcome.complete:
        face.console.print("Stopped before the end: nothing is shown.")
        return 130
    raised = [outcome.alerts, outcome.alerts_beside][: len(sets)]
    if as_json:
        _print_json(sets, raised)
    else:
        _print(sets, raised, Console())
    if png is not None:
        from services.alerts.plot import draw

        draw(png, outcome.panes, list(zip(map(str, sets), raised, strict=True)))
        face.console.print(f"{png} shows them.", markup=False, highlight=False)
    return 0


def _print(sets: Sequence[Path], raised: Sequence[Sequence[Alert]], out: Console) -> None:
    for path, alerts in zip(sets, raised, strict=True):
        if len(sets) > 1:
            out.print(Text(str(path), style="bold"))
        if not alerts:
            out.print("No alerts.")
            continue
        out.print(alerts_table(alerts))
        for alert in alerts:
            _print_one(alert, out)
    if len(sets) > 1:
        _print_sides(sets, raised, out)


def _print_one(alert: Alert, out: Console) -> None:
    opened = msgspec.structs.replace(alert, state="open")
    out.print(Text(f"{alert.topic}, {alert.rule}", style="bold"))
    out.print(Text(wording.text(AlertEvent(OPENED, opened, alert.sequence))))


def _print_sides(sets: Sequence[Path], raised: Sequence[Sequence[Alert]], out: Console) -> None:
    """How many alerts of each rule, side by side."""
    rules = sorted({(a.topic, a.rule) for alerts in raised for a in alerts})
    table = Table("topic", "rule", *map(str, sets))
    for topic, rule in rules:
        counts = [sum((a.topic, a.rule) == (topic, rule) for a in alerts) for alerts in raised]
        table.add_row(Text(topic), Text(rule), *map(str, counts))
    out.print(table)


def _print_json(sets: Sequence[Path], raised: Sequence[Sequence[Alert]]) -> None:
    for path, alerts in zip(sets, raised, strict=True):
        for alert in alerts:
            row = {"rules": str(path), **msgspec.structs.asdict(alert)}
            sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
