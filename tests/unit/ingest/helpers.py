"""A replay from files to what it hands out, with every topic taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.ingest.archive import Archive, ReadOptions
from services.ingest.draft import Draft, Gone, Refused
from services.ingest.replay import Replay, ReplayOptions, open_replay
from services.ingest.source import Brought
from services.records import Deletion, Post
from services.topics import PostView

NOW_MS = 1_800_000_000_000
"""2027: everything recorded is in the past."""


class TakeAll:
    """One topic that takes every post."""

    def match(self, view: PostView) -> tuple[str, ...]:
        return ("all",)


class TakeWord:
    """A topic that takes posts with its word."""

    def __init__(self, word: str) -> None:
        self._word = word

    def match(self, view: PostView) -> tuple[str, ...]:
        return (self._word,) if self._word in view.text else ()


def replay(
    tmp_path: Path, *archives: Path, matcher: Any = None, cursor: bytes = b"", **options: Any
) -> Replay:
    told = ReplayOptions(archives, "ns", tmp_path / "workspace", **options)
    return open_replay(told, matcher or TakeAll(), cursor=cursor, now_ms=lambda: NOW_MS)


def drained(source: Replay, most: int = 64) -> list[Brought]:
    out: list[Brought] = []
    while not source.ended:
        out += source.read(most)
    source.close()
    return out


def everything(tmp_path: Path, *archives: Path, **options: Any) -> list[Brought]:
    return drained(replay(tmp_path, *archives, **options))


def posts(items: Sequence[Brought]) -> list[Post]:
    return [item for item in items if isinstance(item, Post)]


def refused(items: Sequence[Brought]) -> list[Refused]:
    return [item for item in items if isinstance(item, Refused)]


def deletions(items: Sequence[Brought]) -> list[Deletion]:
    return [item for item in items if isinstance(item, Deletion)]


def items(path: Path, form: str = "") -> list[Draft | Gone | Refused]:
    """What one file holds, without a replay around it."""
    return list(Archive(path, ReadOptions(form), lambda: NOW_MS).items())


def told(tmp_path: Path, form: str, *rows: bytes) -> list[Draft | Gone | Refused]:
    """What these lines hold."""
    path = tmp_path / "a"
    path.write_bytes(b"\n".join(rows))
    return items(path, form)


def row(**fields: object) -> bytes:
    """A line of a plain table."""
    return json.dumps({"text": "a", "created_at": "2020-01-01", **fields}).encode()
