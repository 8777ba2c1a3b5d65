"""One archive from its first line to its figures: what `undertone replay` does.

Embedded, all hops run here. On Kafka this process is the ingest hop: it feeds
the stream, then waits until the aggregators have counted everything.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from threading import Event
from typing import Any

from services import pipeline
from services.alerting import alert_hop, keep_rules
from services.distributed import Distributed, Places
from services.embedded import Embedded, Hop
from services.errors import BadRecord, UsageError
from services.health import serve_health
from services.ingest import report
from services.ingest.fetch import Fetcher
from services.ingest.replay import Replay, ReplayOptions, open_replay
from services.ingest.source import Counters, Source
from services.records import Post, decode, valid_namespace
from services.settings import Settings
from services.store.alerts import COMPARED
from services.store.outbox import History, histories
from services.store.reader import REPLAY, Pane, Reader, Totals
from services.store.schema import BOOKS
from services.store.store import Store
from services.stream import dead_letters
from services.stream.port import Streams
from services.topics import Topics, load_topics

HOUR_MS = 3_600_000
ALWAYS = "always"
"""Of `media_fetch`: pictures of archives are fetched too."""
SHORT_MS = 48 * HOUR_MS
"""A replay shorter than this is drawn from panes of a minute."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for. Times are milliseconds since 1970."""

    archives: tuple[Path, ...]
    topics: Path
    media: Path | None = None
    format: str = ""
    columns: str = ""
    speed: float | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    namespace: str | None = None
    report: Path | None = None
    scores: Path | None = None
    beside: Path | None = None
    """A topics file whose rules are judged beside those of `topics`, on the same scores; embedded
    alone."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out. `complete` is false where it was stopped before the end."""

    namespace: str
    complete: bool
    counters: Counters
    totals: Mapping[str, Totals]
    panes: Mapping[str, Sequence[Pane]]
    """By topic, wide or narrow enough to draw the whole replay from."""
    report: Mapping[str, Any]
    alerts: Sequence[History] = ()
    """Oldest first."""
    alerts_beside: Sequence[History] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """How the caller follows along."""

    started: Callable[[Source, str], None]
    moved: Callable[[], None]
    waiting: Callable[[int], None]
    """On Kafka, all is on the stream: how many posts the aggregators have counted."""


def replay(settings: Settings, request: Request, stop: Event, watch: Watch) -> Outcome:
    """Run it to the end, or until `stop` is set; then it goes on from there when run again."""
    for path in (request.report, request.scores):
        if path is not None:
            report.check_writable(path)
    topics = load_topics(request.topics)
    options = _options(settings, request, topics)
    begun = time.monotonic()
    with ExitStack() as stack:
        streams = stack.enter_context(closing(pipeline.make_streams(settings)))
        streams.partitions(pipeline.Names.of(settings).posts)  # not there: told before any work
        store = stack.enter_context(closing(pipeline.make_store(settings)))
        store.add_namespace(options.namespace, REPLAY, pipeline.clock_ms())
        keep_rules(store, options.namespace, topics)
        if request.beside is not None:
            keep_rules(store, options.namespace, load_topics(request.beside), COMPARED)
        source = open_replay(
            options,
            topics,
            cursor=store.load_cursor(options.namespace, Replay.name) or b"",
            fetch=_fetch(settings, stack),
        )
        before = source.counters.posts_read
        watch.started(source, options.namespace)
        complete = _run(settings, request, streams, store, source, stop, watch)
        totals = totals_of(Reader(store), options.namespace)
        made = report.build(
            source.counters,
            totals,
            seconds=time.monotonic() - begun,
            posts_this_run=source.counters.posts_read - before,
            refused_later=_refused_later(settings, streams, options.namespace),
        )
        if request.report is not None and complete:
            report.write(request.report, made)
        panes = _panes(Reader(store), options.namespace, totals)
        raised = [histories(store, options.namespace, book) for book in BOOKS]
        return Outcome(options.namespace, complete, source.counters, totals, panes, made, *raised)


def _options(settings: Settings, request: Request, topics: Topics) -> ReplayOptions:
    """The same files, topics and options go by the same name, so that a repeat goes on."""
    options = ReplayOptions(
        archives=request.archives,
        namespace="",
        workspace=settings.data_dir / "replays",
        media=request.media,
        format=request.format,
        columns=request.columns,
        speed=request.speed,
        from_ms=request.from_ms,
        to_ms=request.to_ms,
        topics_digest=_digest(topics),
        fetched=settings.media_fetch == ALWAYS,
    )
    namespace = request.namespace
    if namespace is None:
        stem = re.sub(r"[^\w.-]+", "-", request.archives[0].name.partition(".")[0], flags=re.ASCII)
        namespace = f"replay-{stem[:40].strip('-') or 'stdin'}-{options.fingerprint()[:8]}"
    if not valid_namespace(namespace):
        raise UsageError(
            f"--namespace {namespace!r}: takes letters, digits, '.', '_' and '-', at most 100"
        )
    if namespace == settings.namespace:
        raise UsageError(f"{namespace!r} is the live namespace: a replay needs one of its own")
    return replace(options, namespace=namespace, workspace=options.workspace / namespace)


def _digest(topics: Topics) -> str:
    rows = [(t.name, t.query, t.text_only, t.reposts) for t in topics]
    return blake2b(repr(rows).encode(), digest_size=8).hexdigest()


def _fetch(settings: Settings, stack: ExitStack) -> Any:
    """A fetcher where archives may be completed from the network."""
    if settings.media_fetch != ALWAYS:
        return None
    return stack.enter_context(closing(Fetcher())).fetch_many


def _run(
    settings: Settings,
    request: Request,
    streams: Streams,
    store: Store,
    source: Source,
    stop: Event,
    watch: Watch,
) -> bool:
    """Whether everything was brought and counted."""
    embedded, namespace = pipeline.is_embedded(settings), source.namespace
    feeder = pipeline.ingest_worker(settings, streams, store, source)
    taps = []
    if request.scores is not None:
        taps.append(pipeline.scores_worker(settings, streams, namespace, request.scores))
    with ExitStack() as stack:
        if not embedded:
            serve_health(settings, stack, feeder.health, "replay")
            places = Places(settings, streams, store)
            return Distributed(feeder, taps, places, watch.moved, watch.waiting).run(stop)
        classifier = stack.enter_context(closing(pipeline.make_classifier(settings)))
        aggregation = pipeline.aggregation_worker(settings, streams, store)
        inference = pipeline.inference_worker(settings, streams, classifier)
        taps += pipeline.picture_taps(settings, streams)
        hops: list[Hop] = [*taps, aggregation, alert_hop(settings, streams, store, None, namespace)]
        if request.beside is not None:
            hops.append(alert_hop(settings, streams, store, None, namespace, COMPARED))
        runner = Embedded([feeder], inference, hops, progress=watch.moved)
        serve_health(settings, stack, runner.health, "replay")
        return runner.run(stop)


def totals_of(reader: Reader, namespace: str) -> dict[str, Totals]:
    """Every topic's totals."""
    return {topic: reader.totals(namespace, topic) for topic in reader.topics(namespace)}


def _panes(
    reader: Reader, namespace: str, totals: Mapping[str, Totals]
) -> dict[str, Sequence[Pane]]:
    panes: dict[str, Sequence[Pane]] = {}
    for topic, total in totals.items():
        first, last = total.first_post_ms, total.last_post_ms
        if first is not None and last is not None:
            width = "1m" if last - first < SHORT_MS else "1h"
            panes[topic] = reader.series(namespace, topic, width, first - HOUR_MS, last + 1)
    return panes


def _refused_later(settings: Settings, streams: Streams, namespace: str) -> int:
    """Posts of this namespace that a hop behind ingest could not process, times their topics."""
    stream = pipeline.Names.of(settings).dead_letters
    seen: dict[str, int] = {}
    for partition, end in streams.ends(stream).items():
        for record in streams.read(stream, partition, 0, end):
            original = dead_letters.decode(record).record
            try:
                value = decode(original.value)
            except BadRecord:
                continue
            if isinstance(value, Post) and value.namespace == namespace:
                seen[value.id] = len(value.topics)
    return sum(seen.values())
