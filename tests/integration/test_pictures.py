"""Pictures of kept posts, end to end: embedded from the shelf, on Kafka from the stream."""

from __future__ import annotations

import uuid
from pathlib import Path
from threading import Event

import pytest

from services import pipeline
from services.records import Deletion, Picture, Post, encode
from services.replay import Request, Watch, replay
from services.settings import Settings
from services.store import Reader
from services.store.posts import document, read
from services.stream.port import Output
from tests.e2e.precomputed import Precomputed
from tests.e2e.product import START_MS, write_archive
from tests.integration.aggregation_bench import Bench
from tests.scores import scored
from tests.servers.kafka import KafkaServer
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration
WATCH = Watch(lambda *_: None, lambda: None, lambda _: None)


def test_an_embedded_replay_keeps_its_pictures_for_others_to_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "make_classifier", lambda _: Precomputed())
    archive = write_archive(tmp_path / "archive", 300)
    settings = Settings(data_dir=tmp_path / "data")
    store = pipeline.make_store(settings)
    request = Request((archive,), archive.parent / "topics.yaml", archive.parent / "media",
                      namespace="r")  # fmt: skip
    replay(settings, request, Event(), WATCH)
    pictures = pipeline.make_pictures(settings, None, store)
    assert pictures is not None
    kept = Reader(store).sample("r", "everything", START_MS, START_MS + 3_600_000)
    shown = [post for post in kept if post.has_image]
    media = {path.read_bytes() for path in (archive.parent / "media").iterdir()}
    assert len(shown) > 50
    for post in kept:
        found = pictures.get(post, "r")
        assert len(found) == post.has_image
        assert set(found) <= media
    assert pictures.get(shown[0], "live") == []
    pictures.close()
    store.close()


def test_no_pictures_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, pictures_mb=0)
    assert pipeline.picture_shelf(settings) is None
    assert pipeline.picture_taps(settings, pipeline.make_streams(settings)) == []


def test_on_kafka_they_come_from_the_stream_until_the_post_is_deleted(
    kafka: KafkaServer, valkey: ValkeyServer
) -> None:
    settings = Settings(
        streams_url=kafka.url, store_url=valkey.url, streams_prefix=f"p{uuid.uuid4().hex[:8]}."
    )
    streams, store = pipeline.make_streams(settings), valkey.open()
    names = pipeline.Names.of(settings)
    streams.create_streams({names.posts: 3})  # type: ignore[attr-defined]
    producer = streams.producer()
    for number in range(4):
        made = Post(f"x:{number}", "replay-1", "x", 1, 1, "", ("brand",),
                    pictures=(Picture(bytes([number])),))  # fmt: skip
        producer.send(Output(names.posts, None, encode(made), partition=2))
    producer.flush(10.0)
    pictures = pipeline.make_pictures(settings, streams, store)
    assert pictures is not None
    post = read(document(scored("3", place=(2, 3))).encode())
    assert pictures.get(post, "replay-1") == [b"\3"]
    assert pictures.get(post, "live") == []
    assert pictures.get(read(document(scored("3", place=(2, 1))).encode()), "replay-1") == []
    Bench(store).feed(Deletion("x:3", "replay-1", post.created_at_ms + 86_400_000))
    assert pictures.get(post, "replay-1") == []
    producer.close()
    streams.close()
    store.close()
