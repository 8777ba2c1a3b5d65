"""Every recorded dump, plain and in every wrapping, read to the last post."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from services.records import Post
from tests.data_tools import mvsa_archive
from tests.unit.ingest.helpers import deletions, everything, posts, refused, replay

HELD = {
    # file: posts, with pictures, reposts, deletions
    "twitter_v1_stream.jsonl": (72, 16, 0, 0),
    "twitter_v2_brexit.jsonl": (100, 31, 67, 0),
    "twitter_v2_edited.jsonl": (1, 0, 0, 0),
    "twitter_v2_flat.jsonl": (100, 12, 47, 0),
    "twitter_v2_geo.jsonl": (2, 0, 0, 0),
    "twitter_v2_kpop.jsonl": (100, 41, 78, 0),
    "bluesky_jetstream.jsonl": (17, 2, 0, 1),
    "mastodon_statuses.jsonl": (36, 5, 0, 0),
}


TWICE = {"twitter_v1_stream.jsonl": 1}
"""Posts that were recorded twice: the store counts them once."""


@pytest.fixture
def dumps(data: Path) -> Path:
    return data / "dumps"


@pytest.mark.parametrize("name", sorted(HELD))
def test_every_dump(dumps: Path, tmp_path: Path, name: str) -> None:
    found = everything(tmp_path, dumps / name)
    read = posts(found)
    pictured = sum(bool(post.pictures) for post in read)
    reposts = Counter(post.kind for post in read)["repost"]
    assert (len(read), pictured, reposts, len(deletions(found))) == HELD[name]
    assert refused(found) == []
    assert [post.created_at_ms for post in read] == sorted(post.created_at_ms for post in read)
    assert len({post.id for post in read}) == len(read) - TWICE.get(name, 0)
    assert not any("&amp;" in post.text for post in read)


def wrapped(data: bytes, wrapping: str) -> bytes:
    if wrapping.endswith(".tar"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            inner = wrapped(data, wrapping.removesuffix(".tar"))
            for name in ("2018/a", "2018/b"):
                info = tarfile.TarInfo(name)
                info.size = len(inner)
                tar.addfile(info, io.BytesIO(inner))
        return out.getvalue()
    return {
        "": lambda: data,
        ".gz": lambda: gzip.compress(data),
        ".gz.gz": lambda: gzip.compress(gzip.compress(data)),
        ".bz2": lambda: bz2.compress(data),
        ".zst": lambda: zstandard.ZstdCompressor().compress(data),
    }[wrapping]()


@pytest.mark.parametrize("wrapping", ["", ".gz", ".gz.gz", ".bz2", ".zst", ".bz2.tar", ".tar"])
def test_every_wrapping(dumps: Path, tmp_path: Path, wrapping: str) -> None:
    path = tmp_path / "misleading.txt"
    path.write_bytes(wrapped((dumps / "twitter_v1_stream.jsonl").read_bytes(), wrapping))
    plain = posts(everything(tmp_path, dumps / "twitter_v1_stream.jsonl"))
    copies = 2 if wrapping.endswith(".tar") else 1
    found = posts(everything(tmp_path, path))
    assert Counter(post.id for post in found) == Counter([post.id for post in plain] * copies)


def test_the_folder_of_all_dumps(dumps: Path, tmp_path: Path) -> None:
    source = replay(tmp_path, dumps)
    found: list[object] = []
    while not source.ended:
        found += source.read(50)
    assert sum(isinstance(item, Post) for item in found) == sum(held[0] for held in HELD.values())
    assert source.counters.reasons["unknown_format"] == 1  # recorded websocket frames
    assert source.counters.dead_lettered == 1


def test_mvsa_as_an_archive_with_a_media_folder(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path, media = mvsa_archive(data, tmp_path, 200)
    source = replay(tmp_path, path, media=media)
    read = []
    while not source.ended:
        read += posts(source.read(64))
    assert len(read) == 200
    assert source.counters.images_ok == 200
    assert all(post.pictures[0].jpeg for post in read)
