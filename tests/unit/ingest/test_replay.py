"""The replay: order over files, broken off and resumed, paced, bounded in time."""

from __future__ import annotations

import io
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from services.errors import UsageError
from services.ingest import replay as module
from services.ingest.replay import ReplayOptions, open_replay
from services.ingest.source import Brought
from tests.data_tools import BEGIN, tweet, with_photo, write_lines
from tests.unit.ingest.helpers import (
    NOW_MS,
    TakeAll,
    TakeWord,
    drained,
    everything,
    posts,
    refused,
    replay,
)

START_MS = int(BEGIN.timestamp() * 1000)


def files(tmp_path: Path, shape: str, count: int = 1500) -> list[Path]:
    """The same posts in order, newest first, jittering, or in three files that overlap."""
    chance = random.Random(5)
    numbers = list(range(count))
    if shape == "newest first":
        numbers.reverse()
    elif shape == "jitter":
        numbers.sort(key=lambda n: n + chance.randrange(200))
    elif shape == "any":
        chance.shuffle(numbers)
    rows: list[dict[str, Any]] = [tweet(n, f"post {n} {'a' if n % 3 else 'b'}") for n in numbers]
    if shape == "overlapping":
        return [write_lines(tmp_path / f"{i}.jsonl.gz", rows[i::3]) for i in range(3)]
    if shape == "one after another":
        thirds = (rows[1000:], rows[:500], rows[500:1000])
        return [write_lines(tmp_path / f"{i}.jsonl", part) for i, part in enumerate(thirds)]
    return [write_lines(tmp_path / "a.jsonl", rows)]


SHAPES = ["in order", "newest first", "jitter", "any", "overlapping", "one after another"]


@pytest.mark.parametrize("shape", SHAPES)
def test_in_order_whatever_the_archive(tmp_path: Path, shape: str) -> None:
    paths = files(tmp_path, shape)
    found = posts(everything(tmp_path, *paths))
    assert [post.created_at_ms for post in found] == [START_MS + n * 1000 for n in range(1500)]
    assert not (tmp_path / "workspace").exists()


@pytest.mark.parametrize("shape", ["in order", "any", "overlapping"])
def test_broken_off_and_resumed_it_comes_to_the_same(tmp_path: Path, shape: str) -> None:
    paths = files(tmp_path, shape)
    for path in paths:
        if path.suffix == ".jsonl":
            path.write_bytes(path.read_bytes() + b"broken\n")
    whole = replay(tmp_path / "w", *paths, matcher=TakeWord("a"))
    expected = drained(whole)
    got: list[Brought] = []
    cursor, chance = b"", random.Random(3)
    while True:
        source = replay(tmp_path, *paths, matcher=TakeWord("a"), cursor=cursor)
        for _ in range(chance.randrange(1, 12)):
            got += source.read(chance.randrange(1, 100))
            cursor = source.cursor()
        source.read(50)  # handed out, but the cursor was not saved: comes again
        source._items.close()
        if source.ended and json.loads(cursor)["ended"]:
            break
    assert got == expected
    assert source.counters == whole.counters
    assert (whole.counters.posts_read, whole.counters.posts_matched) == (1500, 1000)
    again = replay(tmp_path, *paths, matcher=TakeWord("a"), cursor=cursor)
    assert again.ended
    assert again.read(10) == []


def test_a_cursor_of_another_replay_is_refused(tmp_path: Path) -> None:
    (path,) = files(tmp_path, "in order", 10)
    cursor = replay(tmp_path, path).cursor()
    with pytest.raises(UsageError, match="holds another replay"):
        replay(tmp_path, path, cursor=cursor, topics_digest="other")


def test_from_and_to_are_half_open(tmp_path: Path) -> None:
    (path,) = files(tmp_path, "newest first", 100)
    options = {"from_ms": START_MS + 10_000, "to_ms": START_MS + 20_000}
    source = replay(tmp_path, path, **options)
    found = posts(drained(source))
    assert [post.created_at_ms - START_MS for post in found] == list(range(10_000, 20_000, 1000))
    assert source.counters.posts_read == 10


def test_speed_is_a_multiple_of_real_time(tmp_path: Path) -> None:
    (path,) = files(tmp_path, "in order", 100)
    now_s = [50.0]
    options = ReplayOptions((path,), "ns", tmp_path / "workspace", speed=10.0)
    source = open_replay(options, TakeAll(), now_ms=lambda: NOW_MS, clock=lambda: now_s[0])
    assert len(source.read(1000)) == 1
    now_s[0] += 1.0
    assert len(source.read(1000)) == 10
    assert source.read(1000) == []
    assert not source.ended
    now_s[0] += 100.0
    assert len(source.read(1000)) == 89
    assert source.ended


def test_standard_input_is_put_in_order_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = files(tmp_path, "any", 50)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    found = posts(everything(tmp_path, Path("-")))
    assert [post.created_at_ms - START_MS for post in found] == list(range(0, 50_000, 1000))


def test_progress_is_told_while_ordering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE_S", -1.0)
    (path,) = files(tmp_path, "any", 2000)
    source = replay(tmp_path, path)
    seen = []
    while not source.ended:
        source.read(10)
        seen.append(source.progress())
    assert seen[0].phase == "ordering"
    assert 0 < seen[0].bytes_done <= seen[0].bytes_total == path.stat().st_size
    assert (seen[-1].phase, seen[-1].bytes_done) == ("replaying", seen[-1].bytes_total)


def test_many_files_that_overlap(tmp_path: Path) -> None:
    rows = [tweet(n) for n in range(400)]
    paths = [write_lines(tmp_path / f"{i:02}.jsonl", rows[i::40]) for i in range(40)]
    found = posts(everything(tmp_path, tmp_path / "00.jsonl", *paths[1:]))
    assert [post.created_at_ms - START_MS for post in found] == list(range(0, 400_000, 1000))


def test_pictures_are_counted_once_whether_had_or_not(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.jpg").write_bytes(b"<html>no picture</html>")
    rows = [with_photo(tweet(1), "a.jpg", "b.jpg"), tweet(2)]
    source = replay(tmp_path, write_lines(tmp_path / "a.jsonl", rows), media=media)
    first, second = posts(drained(source))
    assert [picture.reason for picture in first.pictures] == [
        "not_a_picture",
        "not_in_media_folder",
    ]
    assert second.pictures == ()
    counted = source.counters
    assert (counted.images_ok, counted.images_missing, counted.images_failed) == (0, 1, 1)


def test_a_post_is_counted_for_each_page_it_is_on_and_refused_with_its_bytes(
    tmp_path: Path,
) -> None:
    path = write_lines(tmp_path / "a.jsonl", [tweet(1), tweet(1), {"id_str": "2", "user": {}}])
    found = everything(tmp_path, path)
    assert len(posts(found)) == 2
    (bad,) = refused(found)
    assert json.loads(bad.value) == {"id_str": "2", "user": {}}


def test_other_pictures_make_another_replay(tmp_path: Path) -> None:
    """Whoever names the pictures' folder the second time wants the posts scored anew."""
    path = write_lines(tmp_path / "a.jsonl", [tweet(1, "a")])

    def name(**options: Any) -> str:
        return ReplayOptions((path,), "ns", tmp_path, **options).fingerprint()

    assert name() == name()
    assert len({name(), name(media=tmp_path / "pictures"), name(fetched=True)}) == 3
