"""`undertone dashboard`, and the dashboard that goes along with other commands."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.common import SENTIMENT, examples, settings_of, stop_on_signal

if TYPE_CHECKING:
    from services.settings import Settings

NoDashboard = Annotated[
    bool, typer.Option("--no-dashboard", help="Don't serve the dashboard meanwhile.")
]
Stay = Annotated[
    bool,
    typer.Option(help="At the end, serve the dashboard on until Ctrl-C (on a terminal)."),
]
Open = Annotated[
    bool, typer.Option("--open", help="Open the dashboard in a browser (on a terminal).")
]

EXAMPLES = examples(
    "undertone dashboard --open",
    "UNDERTONE_DASHBOARD_TOKEN_FILE=token undertone dashboard --host 0.0.0.0",
)


def register(app: typer.Typer) -> None:
    app.command("dashboard", rich_help_panel=SENTIMENT, epilog=EXAMPLES)(dashboard)


def dashboard(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Its port.", show_default="8420")] = None,
    open_browser: Open = False,
) -> None:
    """Serve the dashboard and its HTTP API over what is in the store. Ctrl-C ends it.

    Only this machine can reach it, unless dashboard_host says otherwise; then a
    token is needed (dashboard_token_file). Nothing is ever changed through it.
    """
    from services.health import serve_health

    settings = settings_of(context, dashboard_host=host, dashboard_port=port)
    with stop_on_signal() as stop, ExitStack() as stack:
        url = serve_along(settings, stack, or_next_port=False)
        serve_health(settings, stack, lambda: {"healthy": True, "stage": "dashboard"}, "dashboard")
        say(f"Dashboard: {url}")
        if open_browser:
            show(url)
        stop.wait()


@dataclass(frozen=True, slots=True)
class Along:
    """The dashboard that goes along with another command."""

    wanted: bool
    stay: bool = False
    """Serve on after the work is done, where somebody sits at the terminal."""
    open: bool = False


def serve_along(settings: Settings, stack: ExitStack, *, or_next_port: bool = True) -> str:
    """Serve it until `stack` ends; the address at which a browser here finds it."""
    from services.serve import serve_dashboard

    server = serve_dashboard(settings, stack, or_next_port=or_next_port)
    if settings.dashboard_port not in (0, server.port):
        say(f"Port {settings.dashboard_port} is taken; the dashboard takes {server.port}.")
    return server.url


def show(url: str) -> None:
    """Open a browser, if somebody sits here and has one."""
    if sys.stderr.isatty():
        webbrowser.open(url)


def stay(url: str, stop: Event) -> None:
    """Go on serving until Ctrl-C, if somebody sits at the terminal; else there is nobody to end
    it."""
    if sys.stderr.isatty() and not stop.is_set():
        say(f"The dashboard stays at {url}; Ctrl-C ends it.")
        stop.wait()


def say(text: str) -> None:
    """A line for people, out of the way of the figures on standard output."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
