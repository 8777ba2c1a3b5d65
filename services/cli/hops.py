"""Commands that run hops: everything in one process, or each hop in its own."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import typer

from services.cli.common import pipeline, settings_of, stop_on_signal
from services.errors import UsageError

if TYPE_CHECKING:
    from services.settings import Settings
    from services.stream.worker import Worker


def register(app: typer.Typer) -> None:
    app.command("infer")(infer)
    app.command("aggregate")(aggregate)


def infer(context: typer.Context) -> None:
    """Run the inference hop: posts from Kafka to the networks, scores to Kafka.

    Start as many as you like: they share the partitions out among themselves.
    """
    settings = settings_of(context)
    _needs_kafka(settings, "infer")
    with ExitStack() as stack:
        streams = stack.enter_context(closing(pipeline().make_streams(settings)))
        classifier = stack.enter_context(closing(pipeline().make_classifier(settings)))
        _run(settings, pipeline().inference_worker(settings, streams, classifier))


def aggregate(context: typer.Context) -> None:
    """Run the aggregation hop: scores from Kafka to rolling sentiment in the store.

    Start as many as you like: they share the partitions out among themselves.
    """
    settings = settings_of(context)
    _needs_kafka(settings, "aggregate")
    with ExitStack() as stack:
        streams = stack.enter_context(closing(pipeline().make_streams(settings)))
        store = stack.enter_context(closing(pipeline().make_store(settings)))
        _run(settings, pipeline().aggregation_worker(settings, streams, store))


def _needs_kafka(settings: Settings, command: str) -> None:
    if pipeline().is_embedded(settings):
        raise UsageError(
            f"{command} runs one hop and needs streams that other processes reach: set "
            "UNDERTONE_STREAMS_URL=kafka://host:port (one process with all hops: undertone run)"
        )


def _run(settings: Settings, worker: Worker) -> None:
    """Until a signal; then drain, commit, leave the group."""
    from services.health import HealthServer

    with stop_on_signal() as stop, ExitStack() as stack:
        if settings.metrics_port is not None:
            server = HealthServer(settings.metrics_host, settings.metrics_port, worker.health)
            stack.callback(server.close)
        worker.run(stop)
