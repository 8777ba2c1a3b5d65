"""What several commands share: settings, topics, ending cleanly on a signal."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType, ModuleType
from typing import Annotated, Any

import typer

from services.settings import Settings, load_settings

Topics = Annotated[
    Path | None,
    typer.Option("--topics", help="The topics file: what is monitored.", show_default=False),
]
Archives = Annotated[
    list[Path],
    typer.Argument(help="Files or folders, plain, .gz, .bz2, .zst or .tar; `-`: stdin."),
]
Media = Annotated[
    Path | None, typer.Option(help="Folder of the posts' pictures.", show_default=False)
]
Format = Annotated[str, typer.Option(help="The archive's format. Default: what its content says.")]
Columns = Annotated[str, typer.Option(help="For tables: text=body,created_at=date,image=file,...")]
Namespace = Annotated[
    str | None,
    typer.Option(help="Whose figures: `live`, or a replay's namespace.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class State:
    """What the options before the command said."""

    config: Path | None


def settings_of(context: typer.Context, **overrides: Any) -> Settings:
    """The settings, with what this command's options override (None: not given)."""
    state: State = context.obj
    return load_settings(state.config, **overrides)


def pipeline() -> ModuleType:
    """`services.pipeline`, imported when a command needs it: `--help` must not wait for it."""
    return importlib.import_module("services.pipeline")


@contextmanager
def stop_on_signal() -> Iterator[Event]:
    """An event that the first SIGTERM or Ctrl-C sets; a second Ctrl-C interrupts at once."""
    stop = Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.set()
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
