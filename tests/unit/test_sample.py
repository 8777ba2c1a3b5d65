"""The sample archive that ships: complete, rebuilt by its program, clean."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from services.topics import PostView, load_topics

SAMPLE = Path(__file__).parents[2] / "deploy/sample"
POSTS: list[dict[str, Any]] = [
    json.loads(line)
    for line in gzip.decompress((SAMPLE / "posts.jsonl.gz").read_bytes()).splitlines()
]
UNWANTED = re.compile(
    r"\b(fuck\w*|shit\w*|crap|cunt|bitch\w*|bastard\w*|damn|hell|stupid|idiot\w*|hate\w*|kill\w*"
    r"|revolut|monzo|paypal|visa|mastercard|venmo|starbucks|costa|nespresso|iphone|apple|samsung"
    r"|pixel|google|huawei|nokia|tesco|twitter|facebook|instagram|tiktok)\b",
    re.IGNORECASE,
)


def carrier(post: dict[str, Any]) -> dict[str, Any]:
    """The part of a post that holds its whole text and pictures."""
    original = post.get("retweeted_status", post)
    return original.get("extended_tweet", original)  # type: ignore[no-any-return]


def text(post: dict[str, Any]) -> str:
    return str(carrier(post).get("full_text") or carrier(post)["text"])


def pictures(post: dict[str, Any]) -> list[str]:
    media = carrier(post).get("extended_entities", {}).get("media", [])
    return [item["media_url_https"].rpartition("/")[2] for item in media]


ORIGINALS = [post for post in POSTS if "retweeted_status" not in post]


def test_it_is_what_the_readme_says() -> None:
    with_picture = sum(bool(pictures(post)) for post in POSTS)
    readme = (SAMPLE / "README.md").read_text("utf-8")
    assert f"{len(POSTS)} posts, {with_picture} of them with a picture" in readme
    assert f"{len({text(post) for post in ORIGINALS})} texts" in readme
    assert f"{len(POSTS) - len(ORIGINALS)} reposts" in readme
    assert f"{len(list((SAMPLE / 'media').iterdir()))} pictures" in readme
    assert with_picture >= 600
    assert len({post["user"]["screen_name"] for post in POSTS}) > 450


def test_its_program_writes_it_again(tmp_path: Path) -> None:
    target = tmp_path / "posts.gz"
    subprocess.run([sys.executable, SAMPLE / "build.py", target], check=True, capture_output=True)
    assert gzip.decompress(target.read_bytes()) == gzip.decompress(
        (SAMPLE / "posts.jsonl.gz").read_bytes()
    )


def test_six_hours_in_order_and_marked_as_made_up() -> None:
    moments = [int(post["timestamp_ms"]) for post in POSTS]
    assert moments == sorted(moments)
    assert 5.9 < (moments[-1] - moments[0]) / 3_600_000 < 6
    assert len({post["id"] for post in POSTS}) == len(POSTS)
    assert all("made up" in post["note"] for post in POSTS)


def test_every_picture_is_there_small_and_used() -> None:
    used = {name for post in POSTS for name in pictures(post)}
    files = {path.name: path for path in (SAMPLE / "media").iterdir()}
    assert used <= set(files)
    assert len(files) >= 60
    for path in files.values():
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert min(image.size) <= 320
    everything = sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file())
    assert everything <= 6_000_000


def test_photographs_are_attributed() -> None:
    attribution = (SAMPLE / "ATTRIBUTION.md").read_text("utf-8")
    for path in (SAMPLE / "sources").iterdir():
        assert path.name in attribution


def test_texts_are_clean() -> None:
    assert not [text(post) for post in ORIGINALS if UNWANTED.search(text(post))]


def test_indices_point_at_what_they_name() -> None:
    for post in POSTS:
        for tag in post["entities"]["hashtags"]:
            assert post["text"][slice(*tag["indices"])] == f"#{tag['text']}"
        for media in post["entities"].get("media", []):
            assert post["text"][slice(*media["indices"])] == media["url"]


def test_each_brand_is_caught_by_its_topic_all_afternoon() -> None:
    topics = load_topics(SAMPLE / "topics.yaml")
    hours: Counter[tuple[str, str]] = Counter()
    for post in POSTS:
        found = topics.match(PostView(text(post), has_images=bool(pictures(post))))
        assert len(found) == bool(pictures(post)), text(post)
        hours.update((topic, post["created_at"][11:13]) for topic in found)
    assert len(hours) == 18
    assert min(hours.values()) >= 10
