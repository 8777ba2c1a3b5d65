"""What a replay came to, as JSON: what the source read, and what the store counted.

Everything in it is the same however often the replay was broken off. Hence
`duplicates` is not the store's own count, which also sees what a restart
repeats, but what matched and was neither counted nor refused as too late.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from services.errors import UsageError
from services.ingest import times
from services.ingest.source import Counters
from services.store.reader import Totals


def build(
    counters: Counters,
    totals: Mapping[str, Totals],
    *,
    seconds: float,
    posts_this_run: int,
    refused_later: int = 0,
) -> dict[str, Any]:
    """The report. `totals` are the store's, by topic, once the replay is counted.

    `scored` counts a post once for each topic that takes it, as the store does.
    `refused_later` are posts that hops behind ingest sent to the dead letters,
    times their topics; `posts_this_run` and `seconds` are since the last start.
    """
    scored = sum(found.sums.count for found in totals.values())
    too_late = sum(found.too_late for found in totals.values())
    return {
        "posts_read": counters.posts_read,
        "posts_matched": counters.posts_matched,
        "scored": scored,
        "duplicates": max(0, counters.pairs_matched - scored - too_late - refused_later),
        "dead_lettered": counters.dead_lettered + refused_later,
        "late": sum(found.sums.late for found in totals.values()) + too_late,
        "images": {
            "ok": counters.images_ok,
            "missing": counters.images_missing,
            "failed": counters.images_failed,
        },
        "seconds": round(seconds, 3),
        "posts_per_second": round(posts_this_run / seconds, 1) if seconds > 0 else 0.0,
        "topics": {name: _topic(found) for name, found in sorted(totals.items())},
    }


def _topic(found: Totals) -> dict[str, Any]:
    sums, mean = found.sums, found.sums.mean_score
    return {
        "count": sums.count,
        "positive": sums.positive,
        "neutral": sums.neutral,
        "negative": sums.negative,
        "mean_score": None if mean is None else round(mean, 6),
        "first_post": None if found.first_post_ms is None else times.shown(found.first_post_ms),
        "last_post": None if found.last_post_ms is None else times.shown(found.last_post_ms),
    }


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write it whole or not at all; `UsageError` says why not, and what is not lost."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(
            f"can't write the report to {path}: {error.strerror}. Everything is counted: run the "
            "same command again with another --report, or see `undertone rolling`"
        ) from error


def check_writable(path: Path) -> None:
    """Fail before the work rather than after it."""
    if not path.parent.is_dir() or path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"can't write to {path}: no folder that we may write to")
