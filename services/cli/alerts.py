"""Commands around alerts: those that were raised, a test of the receivers, the back-test."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.common import (
    ALERTS,
    Archives,
    Columns,
    Format,
    Media,
    Namespace,
    Topics,
    examples,
    pipeline,
    settings_of,
)

alerts = typer.Typer(no_args_is_help=True, help="Alerts that were raised; a test of who is told.")
LIST_EXAMPLES = examples(
    "undertone alerts list --open",
    "undertone alerts list coffee --namespace demo --json",
)
BACKTEST_EXAMPLES = examples(
    "undertone backtest posts.jsonl.gz --topics topics.yaml --compare stricter.yaml --png out.png",
)


def register(app: typer.Typer) -> None:
    app.add_typer(alerts, name="alerts", rich_help_panel=ALERTS)
    app.command("backtest", rich_help_panel=ALERTS, epilog=BACKTEST_EXAMPLES)(backtest)


@alerts.command("list", epilog=LIST_EXAMPLES)
def alerts_list(
    context: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(help="One topic.", show_default="all topics")
    ] = None,
    namespace: Namespace = None,
    only_open: Annotated[bool, typer.Option("--open", help="Those not resolved.")] = False,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line each.")] = False,
) -> None:
    """List alerts, newest first, and who was told of them."""
    from services.alerts.commands import list_alerts

    settings = settings_of(context)
    with closing(pipeline().make_store(settings)) as store:
        list_alerts(
            store,
            namespace or settings.namespace,
            Console(),
            topic=topic,
            only_open=only_open,
            limit=limit,
            as_json=as_json,
        )


@alerts.command("show")
def alerts_show(
    context: typer.Context,
    alert: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")],
    namespace: Namespace = None,
) -> None:
    """Show one alert whole: how far from what was expected, since when, why, and who was told."""
    from services.alerts.commands import show_alert

    settings = settings_of(context)
    with closing(pipeline().make_store(settings)) as store:
        show_alert(store, namespace or settings.namespace, alert, Console())


@alerts.command("test")
def alerts_test(context: typer.Context) -> None:
    """Send a made-up alert to everybody who is configured, and say what became of it.

    Ends with status 1 where somebody could not be told.
    """
    from services.alerts.notify.make import make_receivers
    from services.alerts.trial import try_receivers

    settings, console = settings_of(context), Console()
    receivers = make_receivers(settings, pipeline().clock_ms)
    failed = False
    try:
        address = settings.dashboard_url
        for outcome in try_receivers(receivers, pipeline().clock_ms(), address):
            said = "told" if outcome.ok else f"not told: {outcome.said}"
            line = f"{outcome.receiver}: {said} ({outcome.seconds:.1f} s)"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
            failed = failed or not outcome.ok
    finally:
        for receiver in receivers.values():
            receiver.close()
    raise typer.Exit(1 if failed else 0)


def backtest(
    context: typer.Context,
    archives: Archives,
    topics: Topics = None,
    compare: Annotated[
        Path | None,
        typer.Option(help="Another topics file: its rules side by side.", show_default=False),
    ] = None,
    png: Annotated[
        Path | None, typer.Option(help="Draw the topics with their alerts.", show_default=False)
    ] = None,
    media: Media = None,
    format: Format = "",
    columns: Columns = "",
    notify: Annotated[
        bool, typer.Option("--notify", help="Tell the receivers, as if it happened now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All alerts, a JSON line each.")] = False,
) -> None:
    """Show each alert that the rules of a topics file would have raised over ARCHIVES.

    Replays at full speed into a folder that is thrown away; scores each post once, whatever
    is compared. Nobody is told, unless --notify says so.
    """
    from services.backtest import Request
    from services.cli.backtest import run

    settings = settings_of(context, topics_file=topics)
    request = Request(
        tuple(archives), settings.topics_file, compare, media, format, columns, notify
    )
    raise typer.Exit(run(settings, request, png, as_json=as_json))
