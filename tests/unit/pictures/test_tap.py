"""The tap on the stream of posts, and both places where pictures are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.errors import Unavailable
from services.pictures.shelf import Shelf
from services.pictures.sources import StreamedPictures
from services.pictures.tap import PictureTap
from services.records import AnyRecord, Deletion, End, Picture, Post, encode
from services.store.posts import KeptPost
from services.stream.memory import MemoryStreams
from services.stream.port import Output, Record
from services.stream.worker import Worker


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "p", cap_bytes=10**6, keep_ms=10**9, clock_ms=lambda: 1)


def post(number: int, *pictures: Picture) -> Post:
    return Post(f"x:{number}", "live", "x", 1, 1, "words", ("brand",), pictures=pictures)


def record(item: AnyRecord | bytes, offset: int = 0) -> Record:
    value = item if isinstance(item, bytes) else encode(item)
    return Record("posts", 0, offset, None, value, 0)


def test_pictures_are_shelved_and_deleted_in_their_order(shelf: Shelf) -> None:
    streams = MemoryStreams()
    producer = streams.producer()
    worker = Worker(PictureTap(shelf, "posts"), streams, group="pictures", dead_letters="dead")
    worker.step()
    for item in (
        post(1, Picture(b"one", "u1"), Picture(None, "u2", reason="not_found")),
        post(2, Picture(b"two")),
        Deletion("x:2", "live", 1),
        post(3, Picture(None, reason="not_found")),
        post(2, Picture(b"two")),
        End("live"),
    ):
        producer.send(Output("posts", None, encode(item)))
    producer.send(Output("posts", None, b"nonsense"))
    worker.run_dry()
    assert shelf.get("live", "x:1") == [b"one"]
    assert shelf.get("live", "x:2") == shelf.get("live", "x:3") == []
    assert worker.behind() == 0
    worker.close()


def test_a_disk_that_takes_no_picture_holds_no_post_back(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError("no space")

    monkeypatch.setattr(shelf, "put", full)
    tap = PictureTap(shelf, "posts")
    for _ in range(2):
        assert tap.submit([record(post(1, Picture(b"one")))]).result().outputs == ()
    assert caplog.text.count("pictures are not kept") == 1


def test_what_is_too_old_goes_though_nothing_comes(tmp_path: Path) -> None:
    now_ms = [1_700_000_000_000]

    def opened() -> Shelf:
        return Shelf(tmp_path, cap_bytes=10**6, keep_ms=10_000, clock_ms=lambda: now_ms[0])

    earlier = opened()
    earlier.put([("live", "x:1", [b"one"])])
    earlier.close()
    (segment,) = tmp_path.iterdir()
    os.utime(segment, (now_ms[0] / 1000, now_ms[0] / 1000))
    tap = PictureTap(opened(), "posts")
    tap.tick()
    assert segment.exists()
    now_ms[0] += 10_001
    tap.tick()
    assert not segment.exists()
    tap.close()


def test_a_deletion_that_fails_is_tried_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("input/output error")

    monkeypatch.setattr(shelf, "delete", broken)
    with pytest.raises(Unavailable, match="input/output"):
        PictureTap(shelf, "posts").submit([record(Deletion("x:1", "live", 1))]).result()


def kept(number: int, offset: int, partition: int = 0) -> KeptPost:
    return KeptPost(f"x:{number}", 1, 2, 5, "", "", "", "", "", "post", (), partition=partition,
                    offset=offset)  # fmt: skip


def test_pictures_are_found_by_lineage_and_only_the_posts_own() -> None:
    streams = MemoryStreams()
    producer = streams.producer()
    for item in (post(0), post(1, Picture(b"one"), Picture(None)), End("live")):
        producer.send(Output("posts", None, encode(item)))
    producer.send(Output("posts", None, b"nonsense"))
    gone: set[str] = set()
    pictures = StreamedPictures(streams, "posts", lambda _, one: one.id in gone)
    assert pictures.get(kept(1, 1), "live") == [b"one", None]
    assert pictures.get(kept(0, 0), "live") == []
    for place in (0, 2, 3, 4, -1):  # another post, no post, no record of ours, nothing, unknown
        assert pictures.get(kept(1, place), "live") == []
    assert pictures.get(kept(1, 1), "replay") == []
    gone.add("x:1")
    assert pictures.get(kept(1, 1), "live") == []
