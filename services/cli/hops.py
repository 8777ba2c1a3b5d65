"""Commands that run hops: everything in one process, or each hop in its own."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.common import (
    Archives,
    Columns,
    Format,
    Media,
    Topics,
    pipeline,
    settings_of,
    stop_on_signal,
)
from services.cli.dashboard import Along, NoDashboard, Open, Stay, say, serve_along, show
from services.errors import BadRecord, UsageError

if TYPE_CHECKING:
    from services.settings import Settings
    from services.stream.worker import Worker


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)
    app.command("run")(run)
    app.command("ingest")(ingest)
    app.command("infer")(infer)
    app.command("aggregate")(aggregate)
    app.command("alert")(alert)


def replay(
    context: typer.Context,
    archives: Archives,
    topics: Topics = None,
    media: Media = None,
    format: Format = "",
    columns: Columns = "",
    speed: Annotated[str, typer.Option(help="`max`, or how many times real time.")] = "max",
    start: Annotated[
        str | None, typer.Option("--from", help="First time, ISO 8601.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Time to stop before.", show_default=False)
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
    request = Request(
        archives=tuple(archives),
        topics=settings.topics_file,
        media=media,
        format=format,
        columns=columns,
        speed=_speed(speed),
        from_ms=_time("--from", start),
        to_ms=_time("--to", end),
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


def ingest(
    context: typer.Context,
    source: Annotated[str, typer.Option(help="bluesky (needs no account), mastodon or x.")],
    topics: Topics = None,
) -> None:
    """Run the ingest hop: posts of one live source to Kafka. Archives: undertone replay."""
    from services import live

    settings = settings_of(context, topics_file=topics)
    _needs_kafka(settings, "ingest")
    with stop_on_signal() as stop:
        live.ingest(settings, source, settings.topics_file, stop)


def infer(context: typer.Context) -> None:
    """Run the inference hop: posts from Kafka to the networks, scores to Kafka.

    Start as many as you like: they share the partitions out among themselves.
    """
    settings = settings_of(context)
    _needs_kafka(settings, "infer")
    with ExitStack() as stack:
        streams = stack.enter_context(closing(pipeline().make_streams(settings)))
        classifier = stack.enter_context(closing(pipeline().make_classifier(settings)))
        _run(settings, pipeline().inference_worker(settings, streams, classifier), "infer")


def aggregate(context: typer.Context) -> None:
    """Run the aggregation hop: scores from Kafka to rolling sentiment in the store.

    Start as many as you like: they share the partitions out among themselves.
    """
    settings = settings_of(context)
    _needs_kafka(settings, "aggregate")
    with ExitStack() as stack:
        streams = stack.enter_context(closing(pipeline().make_streams(settings)))
        store = stack.enter_context(closing(pipeline().make_store(settings)))
        _run(settings, pipeline().aggregation_worker(settings, streams, store), "aggregate")


def alert(context: typer.Context, topics: Topics = None) -> None:
    """Run the alert hop: closed minutes from the store to alerts, and to whoever is to be told.

    One is enough; a second stands by, and takes over where the first one ends.
    """
    from services.alerting import alert_hop
    from services.health import serve_health
    from services.topics import TopicsFile

    settings = settings_of(context, topics_file=topics)
    _needs_kafka(settings, "alert")
    with ExitStack() as stack:
        streams = stack.enter_context(closing(pipeline().make_streams(settings)))
        store = stack.enter_context(closing(pipeline().make_store(settings)))
        current = TopicsFile(settings.topics_file).current
        hop = alert_hop(settings, streams, store, current)
        stop = stack.enter_context(stop_on_signal())
        serve_health(settings, stack, hop.health, "alert")
        hop.run(stop)


def _needs_kafka(settings: Settings, command: str) -> None:
    if pipeline().is_embedded(settings):
        raise UsageError(
            f"{command} runs one hop and needs streams that other processes reach: set "
            "UNDERTONE_STREAMS_URL=kafka://host:port (one process with all hops: undertone run)"
        )


def _run(settings: Settings, worker: Worker, command: str) -> None:
    """Until a signal; then drain, commit, leave the group."""
    from services.health import serve_health

    with stop_on_signal() as stop, ExitStack() as stack:
        serve_health(settings, stack, worker.health, command)
        worker.run(stop)
