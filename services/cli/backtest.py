"""The face of `undertone backtest`: progress, then each alert, and how two rule sets differ."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from services.alerts import wording
from services.alerts.commands import alerts_table
from services.backtest import Request, backtest
from services.cli.common import stop_on_signal
from services.cli.replay import Face
from services.cli.show import notes
from services.errors import UsageError
from services.replay import Watch
from services.settings import Settings
from services.store.outbox import History
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
    for line in notes(outcome.counters):
        face.console.print(line, highlight=False, markup=False, soft_wrap=True)
    raised = [outcome.alerts, outcome.alerts_beside][: len(sets)]
    if as_json:
        _print_json(sets, raised)
    else:
        _print(sets, raised, Console())
    if png is not None:
        from services.alerts.plot import draw

        drawn = [[history.alert for history in found] for found in raised]
        draw(png, outcome.panes, list(zip(map(str, sets), drawn, strict=True)))
        face.console.print(f"{png} shows them.", markup=False, highlight=False)
    return 0


def _print(sets: Sequence[Path], raised: Sequence[Sequence[History]], out: Console) -> None:
    for path, histories in zip(sets, raised, strict=True):
        if len(sets) > 1:
            out.print(Text(str(path), style="bold"))
        if not histories:
            out.print("No alerts.")
            continue
        out.print(alerts_table([history.alert for history in histories]))
        for history in histories:
            _print_one(history, out)
    if len(sets) > 1:
        _print_sides(sets, raised, out)


def _print_one(history: History, out: Console) -> None:
    """What people would have been told, one after the other."""
    alert = history.alert
    out.print(Text(f"{alert.topic}, {alert.rule} ({alert.severity})", style="bold"))
    for event in history.events:
        out.print(Text(f"{wording.clock(event.alert.changed_ms)}  {event.kind}", style="bold"))
        out.print(Padding(Text(wording.text(event)), (0, 0, 0, 4)))
    out.print()


def _print_sides(sets: Sequence[Path], raised: Sequence[Sequence[History]], out: Console) -> None:
    """How many alerts of each rule, side by side, and when the first opened."""
    table = Table("topic", "rule", *map(str, sets))
    for topic, rule in sorted({(h.alert.topic, h.alert.rule) for found in raised for h in found}):
        cells = []
        for found in raised:
            mine = [h.alert for h in found if (h.alert.topic, h.alert.rule) == (topic, rule)]
            first = f", first {wording.day(mine[0].opened_ms)}" if mine else ""
            cells.append(f"{len(mine)}{first}")
        table.add_row(Text(topic), Text(rule), *cells)
    out.print(table)


def _print_json(sets: Sequence[Path], raised: Sequence[Sequence[History]]) -> None:
    for path, histories in zip(sets, raised, strict=True):
        for history in histories:
            events = [{"kind": e.kind, "at_ms": e.alert.changed_ms} for e in history.events]
            row = {"rules": str(path), **msgspec.structs.asdict(history.alert), "events": events}
            sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
