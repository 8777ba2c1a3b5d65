"""What ingest costs on one core: parsing each format, ordering, building posts, pictures.

    python -m tests.bench.bench_ingest [--posts 20000]

Prints a line a figure, and one JSON line at the end. Everything runs in this
process and thread; `process` is processor time, so that a busy machine does not
count against it.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from services.ingest.replay import ReplayOptions, open_replay
from services.records import encode
from services.topics import PostView, parse_topics
from tests.data_tools import tweet, with_photo, write_lines

TOPICS = (
    "topics:\n  acme: {query: 'acme', text_only: true}\n  all: {query: 'word', text_only: true}"
)
WORDS = "a word about acme and its fine new things, which everybody has to like, or so they say"


class Nothing:
    """No topics: the reading alone."""

    def match(self, view: PostView) -> tuple[str, ...]:
        return ()


def padded(number: int, **fields: Any) -> dict[str, Any]:
    """A tweet of the usual 4 KB."""
    whole = tweet(number, f"{WORDS} {number}", **fields)
    profile = {f"profile_{i}": "https://pbs.twimg.com/profile/abcdef.png" for i in range(40)}
    return whole | {"user": whole["user"] | profile, "place": None, "geo": None}


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((480, 320), 60).convert("RGB").save(out, "JPEG", quality=60)
    return out.getvalue()


def rate(count: int, work: Callable[[], int]) -> float:
    """Posts per second of processor time."""
    began = time.process_time()
    assert work() == count
    return count / (time.process_time() - began)


def drain(path: Path, matcher: Any, media: Path | None = None) -> int:
    """Read to the end and encode; the number of posts read."""
    with tempfile.TemporaryDirectory() as folder:
        options = ReplayOptions((path,), "bench", Path(folder) / "runs", media=media)
        source = open_replay(options, matcher)
        while not source.ended:
            for item in source.read(256):
                encode(item)  # type: ignore[arg-type]
        source.close()
        return source.counters.posts_read


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--posts", type=int, default=20_000)
    count = options.parse_args().posts
    topics = parse_topics(TOPICS, "bench")
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        media = folder / "media"
        media.mkdir()
        for number in range(100):
            (media / f"p{number}.jpg").write_bytes(jpeg())
        plain = [padded(n) for n in range(count)]
        ordered = write_lines(folder / "ordered.jsonl", plain)
        newest = write_lines(folder / "newest.jsonl", reversed(plain))
        pictured = write_lines(
            folder / "pictured.jsonl",
            (with_photo(one, f"p{n % 100}.jpg") for n, one in enumerate(plain)),
        )
        figures["line_bytes"] = round(ordered.stat().st_size / count)
        runs: dict[str, Callable[[], int]] = {
            "in_order_no_topic": lambda: drain(ordered, Nothing()),
            "in_order_all_match": lambda: drain(ordered, topics),
            "newest_first_all_match": lambda: drain(newest, topics),
            "normalised_pictures": lambda: drain(pictured, topics, media),
        }
        for label, work in runs.items():
            figures[label] = round(rate(count, work))
            print(f"{label:26} {figures[label]:>10,.0f} posts/s and core")
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"bench": "ingest", "posts": count, **figures}))


if __name__ == "__main__":
    main()
