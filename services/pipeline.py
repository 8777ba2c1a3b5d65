"""The map: which streams there are, which hops, and how each is wired from settings.

    ingest ─► posts ─► inference ─► scores ─► aggregation ─► store
                          └── what can't be processed ─► dead-letters

What a URL names (memory or Kafka, in-process networks or Triton, an embedded
Valkey or a server) is chosen here and nowhere else.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from models.tokenizer import Tokenizer
from services.aggregation.stage import AggregationStage
from services.aggregation.stage import Options as AggregationOptions
from services.inference.classifier import Classifier
from services.inference.stage import InferenceStage
from services.inference.stage import Options as InferenceOptions
from services.ingest.scores_file import ScoresFile
from services.ingest.source import Source
from services.ingest.worker import IngestWorker, Streamed
from services.pictures.port import Pictures
from services.pictures.shelf import Shelf
from services.pictures.sources import ShelvedPictures, StreamedPictures, deleted_in
from services.pictures.tap import PictureTap
from services.settings import Settings
from services.store import Store, open_store
from services.store.schema import WORDS_MS
from services.stream.driver import open_streams
from services.stream.port import Streams
from services.stream.worker import Limits, Worker

COMMIT_S = 0.2
"""Between commits of scores: a few round trips each; embedded, it is what makes room for more."""
SCORES_COMMIT_S = 0.5
"""Of the inference hop on Kafka: ten a second cost it two posts in a hundred."""
PICTURES_BATCH = 256
AGGREGATION_BATCH = 4_000
"""Scored posts are small, and one script call a topic pays off the more it carries."""


@dataclass(frozen=True, slots=True)
class Names:
    """The streams, as Kafka knows them."""

    posts: str
    scores: str
    dead_letters: str
    alerts: str

    @classmethod
    def of(cls, settings: Settings) -> Names:
        prefix = settings.streams_prefix
        return cls(*(prefix + name for name in ("posts", "scores", "dead-letters", "alerts")))


def clock_ms() -> int:
    """Milliseconds since 1970 UTC: the one clock of the wired pipeline."""
    return time.time_ns() // 1_000_000


def is_embedded(settings: Settings) -> bool:
    """Whether all hops run in this process."""
    return settings.streams_url.startswith("memory:")


def make_streams(settings: Settings) -> Streams:
    """The streams that `streams_url` names."""

    def text(path: Path | None) -> str:
        return str(path) if path else ""

    return open_streams(
        settings.streams_url,
        partitions=1,
        journals={Names.of(settings).dead_letters: settings.data_dir / "dead-letters.journal"},
        security_protocol=settings.kafka_security_protocol,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username or "",
        password=settings.kafka_password,
        ca_file=text(settings.kafka_ca_file),
        cert_file=text(settings.kafka_cert_file),
        key_file=text(settings.kafka_key_file),
    )


def make_store(settings: Settings) -> Store:
    """The store that `store_url` names."""
    return open_store(
        settings.store_url,
        data_dir=settings.data_dir,
        username=settings.store_username,
        password=settings.store_password,
        tls_ca_file=settings.store_ca_file,
    )


def artifacts() -> Path:
    """Folder of the networks that ship."""
    return Path(str(resources.files("models"))) / "artifacts"


def make_classifier(settings: Settings) -> Classifier:
    """The networks that `classifier_url` names; not yet checked."""
    scheme, _, address = settings.classifier_url.partition("://")
    if scheme == "local":
        from services.inference.local import LocalClassifier

        return LocalClassifier(artifacts(), settings.threads or cores())
    from services.inference.triton import Tls, TritonClassifier

    tls = Tls(settings.triton_ca_file, settings.triton_key_file, settings.triton_cert_file)
    return TritonClassifier(address, tls=tls if settings.triton_tls else None)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def inference_group(settings: Settings) -> str:
    """The consumer group of the inference hop."""
    return settings.streams_prefix + "inference"


def ingest_worker(
    settings: Settings, streams: Streams, store: Store, source: Source
) -> IngestWorker:
    """The ingest hop: one source, its place kept in the store under its name."""
    names = Names.of(settings)
    return IngestWorker(
        source,
        streams,
        Streamed(names.posts, names.dead_letters),
        lambda cursor: store.save_cursor(source.namespace, source.name, cursor),
        runner_saves=is_embedded(settings),
        room=lambda: streams.room(names.posts),
    )


def inference_worker(settings: Settings, streams: Streams, classifier: Classifier) -> Worker:
    """The inference hop."""
    names = Names.of(settings)
    stage = InferenceStage(
        classifier,
        Tokenizer.load(),
        InferenceOptions(
            posts=names.posts,
            scores=names.scores,
            in_flight=settings.in_flight,
            max_pairs=settings.batch_size,
            live=settings.namespace,
            idle_after_s=settings.idle_after_s,
        ),
        partitions=lambda: streams.partitions(names.posts),
        clock_ms=clock_ms,
    )
    return Worker(
        stage,
        streams,
        group=inference_group(settings),
        dead_letters=names.dead_letters,
        limits=Limits(
            batch_size=settings.batch_size,
            batch_wait_s=_wait_s(settings),
            # Embedded, a commit makes room in the stream of posts, and costs nothing.
            commit_interval_s=0.1 if is_embedded(settings) else SCORES_COMMIT_S,
        ),
        room=lambda: streams.room(names.scores),
    )


def _wait_s(settings: Settings) -> float:
    """Embedded, nothing comes while we wait: whoever fills the stream is this thread."""
    return 0.0 if is_embedded(settings) else settings.batch_wait_ms / 1000


def aggregation_options(settings: Settings) -> AggregationOptions:
    """The rules of time by which the aggregators count, and an audit recounts."""
    return AggregationOptions(
        scores=Names.of(settings).scores,
        live=settings.namespace,
        allowed_lateness_ms=settings.allowed_lateness_s * 1000,
        id_memory_ms=settings.id_memory_h * 3_600_000,
    )


def aggregation_worker(settings: Settings, streams: Streams, store: Store) -> Worker:
    """The aggregation hop."""
    names = Names.of(settings)
    options = aggregation_options(settings)
    stage = AggregationStage(store, streams, options, clock_ms=clock_ms)
    return Worker(
        stage,
        streams,
        group=settings.streams_prefix + "aggregation",
        dead_letters=names.dead_letters,
        limits=Limits(batch_size=AGGREGATION_BATCH, commit_interval_s=COMMIT_S),
    )


def picture_shelf(settings: Settings) -> Shelf | None:
    """The pictures that an embedded run keeps on disk; None where it keeps none."""
    if not is_embedded(settings) or not settings.pictures_mb:
        return None
    return Shelf(
        settings.data_dir / "pictures",
        cap_bytes=settings.pictures_mb * 1024 * 1024,
        keep_ms=WORDS_MS,
        clock_ms=clock_ms,
    )


def picture_taps(settings: Settings, streams: Streams) -> list[Worker]:
    """What fills that shelf, embedded; nothing on Kafka."""
    shelf = picture_shelf(settings)
    if shelf is None:
        return []
    names = Names.of(settings)
    return [
        Worker(
            PictureTap(shelf, names.posts),
            streams,
            group=settings.streams_prefix + "pictures",
            dead_letters=names.dead_letters,
            limits=Limits(batch_size=PICTURES_BATCH, commit_interval_s=COMMIT_S),
        )
    ]


def make_pictures(settings: Settings, streams: Streams | None, store: Store) -> Pictures | None:
    """Pictures of kept posts: from the stream of posts, or embedded (`streams` is None there)
    from the shelf. None where none are kept. `store` is asked what was deleted."""
    if not is_embedded(settings):
        if streams is None:
            raise ValueError("on Kafka, pictures are read from the streams")
        return StreamedPictures(streams, Names.of(settings).posts, deleted_in(store))
    shelf = picture_shelf(settings)
    return None if shelf is None else ShelvedPictures(shelf)


def scores_worker(settings: Settings, streams: Streams, namespace: str, path: Path) -> Worker:
    """A tap on the scores of one namespace, into a file."""
    names = Names.of(settings)
    return Worker(
        ScoresFile(path, namespace, names.scores),
        streams,
        group=scores_group(settings, namespace),
        dead_letters=names.dead_letters,
    )


def scores_group(settings: Settings, namespace: str) -> str:
    """The consumer group of that tap."""
    return f"{settings.streams_prefix}scores-file.{namespace}"
