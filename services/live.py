"""Live sources: all hops in this process, or the ingest hop alone in front of Kafka."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

from services import pipeline
from services.alerting import alert_hop
from services.embedded import Embedded
from services.health import serve_health
from services.ingest.fetch import Fetcher
from services.ingest.sources import open_live
from services.ingest.worker import IngestWorker
from services.settings import Settings
from services.store.reader import LIVE
from services.store.store import Store
from services.stream.port import Streams
from services.topics import Topics, TopicsFile


def run(
    settings: Settings,
    sources: Sequence[str],
    topics: Path,
    stop: Event,
    progress: Callable[[Store], None],
) -> None:
    """`undertone run`: posts of live sources to rolling sentiment, until `stop` is set."""
    with ExitStack() as stack:
        streams, store = _open(settings, stack)
        current = TopicsFile(topics).current
        feeders = _feeders(settings, sources, current, streams, store, stack)
        classifier = stack.enter_context(closing(pipeline.make_classifier(settings)))
        runner = Embedded(
            feeders,
            pipeline.inference_worker(settings, streams, classifier),
            [
                *pipeline.picture_taps(settings, streams),
                pipeline.aggregation_worker(settings, streams, store),
                alert_hop(settings, streams, store, current, settings.namespace),
            ],
            progress=lambda: progress(store),
        )
        serve_health(settings, stack, runner.health, "run")
        runner.run(stop)


def ingest(settings: Settings, source: str, topics: Path, stop: Event) -> None:
    """`undertone ingest`: posts of one live source to Kafka, until `stop` is set."""
    with ExitStack() as stack:
        streams, store = _open(settings, stack)
        current = TopicsFile(topics).current
        (feeder,) = _feeders(settings, [source], current, streams, store, stack)
        serve_health(settings, stack, feeder.health, "ingest")
        feeder.run(stop)


def _open(settings: Settings, stack: ExitStack) -> tuple[Streams, Store]:
    streams = stack.enter_context(closing(pipeline.make_streams(settings)))
    store = stack.enter_context(closing(pipeline.make_store(settings)))
    store.add_namespace(settings.namespace, LIVE, pipeline.clock_ms())
    return streams, store


def _feeders(
    settings: Settings,
    sources: Sequence[str],
    current: Callable[[], Topics],
    streams: Streams,
    store: Store,
    stack: ExitStack,
) -> list[IngestWorker]:
    """One worker a source; they share the topics and the fetcher of pictures."""
    fetcher = None
    if settings.media_fetch != "never":
        fetcher = stack.enter_context(closing(Fetcher()))

    def feeder(name: str) -> IngestWorker:
        source = open_live(name, settings, store, current, pipeline.clock_ms, fetcher)
        return pipeline.ingest_worker(settings, streams, store, source)

    return [feeder(name) for name in dict.fromkeys(sources)]
