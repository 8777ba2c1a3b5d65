"""Commands of the distributed form: the streams on Kafka, one hop a process, the audit."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.common import KAFKA, Topics, examples, pipeline, settings_of, stop_on_signal
from services.errors import UsageError

if TYPE_CHECKING:
    from services.settings import Settings
    from services.stream.worker import Worker

streams = typer.Typer(no_args_is_help=True, help="Create and list the streams on Kafka.")

EveryNamespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", help="One alone: `live`, or a replay's. Default: all.", show_default=False
    ),
]

INGEST_EXAMPLES = examples("undertone ingest --source bluesky --topics topics.yaml")
CREATE_EXAMPLES = examples("undertone streams create --partitions 12 --replication 3")


def register(app: typer.Typer) -> None:
    app.command("ingest", rich_help_panel=KAFKA, epilog=INGEST_EXAMPLES)(ingest)
    for hop in (infer, aggregate, alert, audit, rebuild):
        app.command(hop.__name__, rich_help_panel=KAFKA)(hop)
    app.add_typer(streams, name="streams", rich_help_panel=KAFKA)


@streams.command("create", epilog=CREATE_EXAMPLES)
def streams_create(
    context: typer.Context,
    partitions: Annotated[
        int | None, typer.Option(help="Of posts and scores each.", show_default="partitions, 6")
    ] = None,
    replication: Annotated[
        int | None,
        typer.Option(help="Copies of each; 3 in production.", show_default="replication, 1"),
    ] = None,
    retention_h: Annotated[
        int | None,
        typer.Option(help="Hours that records are kept.", show_default="retention_h, 168"),
    ] = None,
) -> None:
    """Make the streams that are not there; add partitions to those with fewer."""
    from services.stream import commands

    settings = settings_of(
        context, partitions=partitions, replication=replication, retention_h=retention_h
    )
    names = pipeline().Names.of(settings)
    counts = {
        names.posts: settings.partitions,
        names.scores: settings.partitions,
        names.dead_letters: 1,
        names.alerts: 1,
    }
    with closing(pipeline().make_streams(settings)) as found:
        commands.create_streams(
            found,
            counts,
            Console(),
            replication=settings.replication,
            retention_h=settings.retention_h,
        )


@streams.command("list")
def streams_list(context: typer.Context) -> None:
    """Show the streams, and how far behind their readers are."""
    from services.stream import commands

    settings = settings_of(context)
    names, prefix = pipeline().Names.of(settings), settings.streams_prefix
    groups = {names.posts: f"{prefix}inference", names.scores: f"{prefix}aggregation"}
    with closing(pipeline().make_streams(settings)) as found:
        commands.list_streams(found, Console(), prefix=prefix, groups=groups)


def audit(
    context: typer.Context,
    namespace: EveryNamespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="All differences, as JSON.")] = False,
) -> None:
    """Recount the streams and compare with the store, number by number.

    Ends with status 1 on any difference. May run beside the aggregators.
    """
    from services.aggregation.audit import Names
    from services.aggregation.commands import audit_command
    from services.aggregation.recount import Lateness

    settings = settings_of(context)
    names = pipeline().Names.of(settings)
    options = pipeline().aggregation_options(settings)
    with (
        closing(pipeline().make_streams(settings)) as streams,
        closing(pipeline().make_store(settings)) as store,
    ):
        status = audit_command(
            streams,
            store,
            Names(names.posts, names.scores, names.dead_letters),
            Lateness(options.live, options.allowed_lateness_ms, options.id_memory_ms),
            namespace=namespace,
            in_memory=pipeline().is_embedded(settings),
            as_json=as_json,
            console=Console(),
        )
    raise typer.Exit(status)


def rebuild(context: typer.Context, namespace: EveryNamespace = None) -> None:
    """Recreate the store, or one namespace of it, from the streams. Stop the aggregators first."""
    from services.aggregation.commands import rebuild_command

    settings = settings_of(context)
    with (
        closing(pipeline().make_streams(settings)) as streams,
        closing(pipeline().make_store(settings)) as store,
    ):
        rebuild_command(
            streams,
            store,
            pipeline().aggregation_options(settings),
            namespace=namespace,
            in_memory=pipeline().is_embedded(settings),
            console=Console(),
        )


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
