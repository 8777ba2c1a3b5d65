"""`undertone`: the application, the options that all commands share, and how errors end."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from services.cli import alerts, dashboard, detect, distributed, grafana, hops, keep, look
from services.cli.common import State, examples
from services.errors import Unavailable, UsageError

EPILOG = (
    examples(
        "undertone replay deploy/sample/posts.jsonl.gz --media deploy/sample/media \\\n"
        "      --topics deploy/sample/topics.yaml --stay --open",
        "undertone run --source bluesky --topics topics.example.yaml",
    )
    + "\n\nSettings: undertone.toml or UNDERTONE_* variables; undertone.example.toml has all."
)

app = typer.Typer(
    name="undertone",
    help="Rolling sentiment of the image-bearing posts people write about brands and events.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for part in (hops, look, dashboard, alerts, detect, keep, grafana, distributed):
    part.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"undertone {version('undertone')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings file (TOML). Default: undertone.toml here, if there is one.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Log what the hops do: undertone -v run ..."),
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    _log(verbose)
    context.obj = State(config)


def _log(verbose: bool) -> None:
    """To standard error: coloured for a person, one plain line each for a log collector."""
    handler: logging.Handler
    if sys.stderr.isatty():
        handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("services").setLevel(logging.INFO if verbose else logging.WARNING)
    # The drivers tell their own connection troubles at length; ours say it in a line.
    for driver in ("kafka", "urllib3", "httpx"):
        logging.getLogger(driver).setLevel(logging.WARNING if verbose else logging.CRITICAL)


def main() -> None:
    """Status 1: it failed; 2: it was asked for wrongly; the caller's 130: interrupted."""
    _speak_utf8()
    try:
        app()
    except UsageError as error:
        _say(f"undertone: {error}")
        sys.exit(2)
    except Unavailable as error:
        _say(f"undertone: {error}\nundertone check tells which server is not reachable, and why.")
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has gone (as `head` does); nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _speak_utf8() -> None:
    """Pipes are UTF-8 whatever the locale; a terminal shows `?` for signs that it has not."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.isatty():
        sys.stdout.reconfigure(errors="replace")
    elif isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
