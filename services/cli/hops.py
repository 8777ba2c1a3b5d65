"""Commands that run all hops in one process: over an archive, or over live posts."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from services.cli.common import (
    SENTIMENT,
    Archives,
    Columns,
    Format,
    Media,
    Topics,
    examples,
    pipeline,
    settings_of,
    stop_on_signal,
)
from services.cli.dashboard import Along, NoDashboard, Open, Stay, say, serve_along, show
from services.errors import BadRecord, UsageError

REPLAY_EXAMPLES = examples(
    "undertone replay posts.jsonl.gz --media pictures/ --topics topics.yaml",
    "undertone replay posts.csv --columns text=body,created_at=date,image=file",
    "undertone replay dump/ --from 2026-03-17T12:00Z --to 2026-03-17T18:00Z --speed 60",
    "zcat posts.jsonl.gz | undertone replay - --namespace tuesday --report figures.json",
)
RUN_EXAMPLES = examples(
    "undertone run --source bluesky --topics topics.yaml",
    "undertone run --source bluesky --source mastodon --window 1h --open",
)


def register(app: typer.Typer) -> None:
    app.command("replay", rich_help_panel=SENTIMENT, epilog=REPLAY_EXAMPLES)(replay)
    app.command("run", rich_help_panel=SENTIMENT, epilog=RUN_EXAMPLES)(run)


def replay(
    context: typer.Context,
    archives: Archives,
    topics: Topics = None,
    media: Media = None,
    format: Format = "",
    columns: Columns = "",
    speed: Annotated[
        str, typer.Option(help="`max`, or so many times real time: 1, 60, ...")
    ] = "max",
    start: Annotated[
        str | None,
        typer.Option("--from", help="First time, like 2026-03-17T12:00Z.", show_default=False),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", help="Time to stop before, likewise.", show_default=False),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(help="Keeps the figures apart. Default: one per archive.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the figures here, as JSON.", show_default=False)
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="Write each scored post here, a JSON line each.", show_default=False),
    ] = None,
    no_dashboard: NoDashboard = False,
    stay: Stay = False,
    open_browser: Open = False,
) -> None:
    """Replay ARCHIVES in event-time order, and show the sentiment per topic.

    Reads X/Twitter (API v1.1 and v2), Bluesky Jetstream, Mastodon, and tables
    (CSV, JSON lines, Parquet). A replay that was broken off goes on when the
    same command is run again. Live figures are never touched.
    """
    from services.cli.replay import run
    from services.replay import Request

    settings = settings_of(context, topics_file=topics)
    from_ms, to_ms = _time("--from", start), _time("--to", end)
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise UsageError(f"--from {start} is not before --to {end}")
    request = Request(
        archives=tuple(archives),
        topics=settings.topics_file,
        media=media,
        format=format,
        columns=columns,
        speed=_speed(speed),
        from_ms=from_ms,
        to_ms=to_ms,
        namespace=namespace,
        report=report,
        scores=scores,
    )
    along = pipeline().is_embedded(settings) and not no_dashboard
    raise typer.Exit(run(settings, request, Along(along, stay, open_browser)))


def _speed(text: str) -> float | None:
    """None for as fast as it goes."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed {text}: expected `max`, or a number above 0")
    return speed


def _time(option: str, text: str | None) -> int | None:
    from services.ingest.times import from_iso

    if text is None:
        return None
    try:
        return from_iso(text)
    except BadRecord as error:
        raise UsageError(f"{option} {text}: expected a time like 2026-03-17T12:00Z") from error


def run(
    context: typer.Context,
    source: Annotated[
        list[str],
        typer.Option(help="bluesky (needs no account), mastodon or x. May be repeated."),
    ],
    topics: Topics = None,
    window: Annotated[str, typer.Option(help="What is shown: 1m, 5m, 15m, 1h, 24h.")] = "5m",
    no_dashboard: NoDashboard = False,
    open_browser: Open = False,
) -> None:
    """Watch live posts: all hops in this process, no server to install. Ctrl-C ends it.

    What was counted stays; the next run goes on where this one ended.
    """
    from services import live
    from services.cli.live import LiveTable

    settings = settings_of(context, topics_file=topics)
    if not pipeline().is_embedded(settings):
        raise UsageError("run has all hops in one process; on Kafka: undertone ingest, infer, ...")
    with stop_on_signal() as stop, ExitStack() as stack:
        if not no_dashboard:
            url = serve_along(settings, stack)
            say(f"Dashboard: {url}")
            if open_browser:
                show(url)
        table = stack.enter_context(LiveTable(settings.namespace, window))
        live.run(settings, source, settings.topics_file, stop, table.update)
    say("Stopped. What was counted stays; the next run goes on from here.")
