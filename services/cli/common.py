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
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from services.settings import Settings, load_settings

SENTIMENT: Final = "Sentiment"
ALERTS: Final = "Alerts"
UPKEEP: Final = "Set up and look after"
KAFKA: Final = "On Kafka: a process per hop"
"""The parts of `undertone --help`, in the order of their first commands."""

Topics = Annotated[
    Path | None,
    typer.Option(
        "--topics",
        help="The topics file: what is monitored. Default: topics.yaml here.",
        show_default=False,
    ),
]
Archives = Annotated[
    list[Path],
    typer.Argument(help="Files or folders, plain, .gz, .bz2, .zst or .tar; `-`: stdin."),
]
Media = Annotated[
    Path | None, typer.Option(help="Folder of the posts' pictures.", show_default=False)
]
Format = Annotated[
    str,
    typer.Option(
        help="twitter_v1, twitter_v2, jetstream, mastodon, csv, jsonl or parquet. "
        "Default: what the content says."
    ),
]
Columns = Annotated[
    str,
    typer.Option(
        help="Which column of a table is what: text=body,created_at=date,image=file; also id, "
        "author, author_name, lang, alt, url, kind. Default: by the usual names."
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        help="Whose figures: a replay's namespace. Default: live ones.", show_default=False
    ),
]


def examples(*commands: str) -> str:
    """What stands at the end of a command's help: how one would type it."""
    return escape("\n".join(("Examples:", *(f"$ {command}" for command in commands))))


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
