"""Archives for tests: tweets in the form of API v1.1, and MVSA's pairs as such an archive."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGIN = datetime(2016, 5, 3, 9, 0, tzinfo=UTC)
EPOCH_MS = 1_288_834_974_657


def x_id(created: datetime, number: int = 0) -> int:
    """An id as X makes them: milliseconds above 22 other bits."""
    return ((int(created.timestamp() * 1000) - EPOCH_MS) << 22) + number


def tweet(
    number: int, text: str = "hello world", created: datetime | None = None, **fields: Any
) -> dict[str, Any]:
    """A tweet of the streaming API. Without `created`, one a second."""
    created = created or BEGIN + timedelta(seconds=number)
    ident = x_id(created, number)
    whole: dict[str, Any] = {
        "created_at": created.strftime("%a %b %d %H:%M:%S +0000 %Y"),
        "id": ident,
        "id_str": str(ident),
        "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "truncated": False,
        "user": {"id": 7, "id_str": str(number % 50 + 1), "screen_name": f"user{number % 50}"},
        "lang": "en",
        "timestamp_ms": str(int(created.timestamp() * 1000)),
        "is_quote_status": False,
        "entities": {"hashtags": [], "urls": []},
    }
    return whole | fields


def with_photo(whole: dict[str, Any], *names: str) -> dict[str, Any]:
    """The tweet with photos, as `extended_entities` has them."""
    media = [
        {
            "id_str": f"9{place}",
            "type": "photo",
            "media_url_https": f"https://pbs.twimg.com/media/{name}",
        }
        for place, name in enumerate(names)
    ]
    return whole | {"extended_entities": {"media": media}}


def write_lines(path: Path, objects: Iterable[Mapping[str, Any]]) -> Path:
    """JSON lines, compressed where the name ends in .gz."""
    data = b"".join(json.dumps(one).encode() + b"\n" for one in objects)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of MVSA-Single."""

    id: str
    text: str
    label: str
    image: bytes


def mvsa_pairs(data: Path, rows: int) -> Iterator[Pair]:
    """The first rows; `data` is the folder of recorded data. Needs pyarrow."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(data / "mvsa_single" / "train.parquet")
    columns = ["id", "text", "label", "image"]
    left = rows
    for batch in table.iter_batches(batch_size=256, columns=columns):
        for row in batch.to_pylist()[:left]:
            yield Pair(str(row["id"]), row["text"], row["label"], row["image"])
        left -= len(batch)
        if left <= 0:
            return


def mvsa_archive(data: Path, folder: Path, rows: int, every_s: float = 10.0) -> tuple[Path, Path]:
    """MVSA as a compressed archive of API v1.1 and its media folder; one post every `every_s`.

    Returns both paths. Real pictures in a real stream's form.
    """
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    posts = []
    for number, pair in enumerate(mvsa_pairs(data, rows)):
        name = f"mvsa{pair.id}.jpg"
        (media / name).write_bytes(pair.image)
        created = BEGIN + timedelta(seconds=number * every_s)
        posts.append(with_photo(tweet(number, pair.text, created), name))
    return write_lines(folder / "mvsa.jsonl.gz", posts), media
