"""Pictures on disk, for the embedded mode: bounded, append-only, readable by other processes.

A folder of segments (`segment.py`), named by the time they were begun. What
goes beyond the cap, or was last written to longer ago than words are kept
anywhere, goes a whole segment at a time, the oldest first. A deleted post's
record is made unreadable and overwritten where it lies; what remains is a
digest that keeps the same post from coming back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from services.pictures.segment import Segment, key_of, packed

SUFFIX = ".pictures"
SEGMENTS = 16
"""So many fill the shelf, or the time that pictures are kept: a sixteenth goes at once."""
SMALLEST = 64 * 1024


class Shelf:
    """One folder. Thread-safe; other processes may read, write and delete beside us."""

    def __init__(
        self, folder: Path, *, cap_bytes: int, keep_ms: int, clock_ms: Callable[[], int]
    ) -> None:
        """Nothing is touched before it is needed."""
        self._folder, self._cap, self._keep_ms, self._clock_ms = (
            folder, cap_bytes, keep_ms, clock_ms,
        )  # fmt: skip
        self._lock = threading.Lock()
        self._segments: dict[str, Segment] = {}
        self._places: dict[bytes, tuple[tuple[str, int], ...]] = {}
        """By key: (segment, offset) of each record, deleted ones too."""
        self._own: Segment | None = None

    def get(self, namespace: str, post_id: str) -> list[bytes | None]:
        """A post's pictures, in its order; empty where the shelf has none."""
        key = key_of(namespace, post_id)
        with self._lock:
            self._refresh()
            for name, offset in self._places.get(key, ()):
                if pictures := self._segments[name].read(key, offset):
                    return pictures
        return []

    def put(self, posts: Iterable[tuple[str, str, Sequence[bytes | None]]]) -> int:
        """Keep (namespace, id, pictures) that were never here; the bytes written.

        `OSError` where the disk takes them not even after the oldest have gone.
        """
        with self._lock:
            if self._own is None:
                self._refresh()  # what earlier processes put there
            fresh = {}
            for namespace, post_id, pictures in posts:
                key = key_of(namespace, post_id)
                if key not in self._places:
                    fresh[key] = packed(key, pictures)
            return self._append(fresh)

    def delete(self, posts: Sequence[tuple[str, str]]) -> None:
        """Blank these posts' records, (namespace, id). `OSError`: delete them again."""
        with self._lock:
            self._refresh()
            places = {place for post in posts for place in self._places.get(key_of(*post), ())}
            for name, offset in places:
                self._segments[name].blank(offset)
            for name in {name for name, _ in places}:
                self._segments[name].sync()

    def tidy(self) -> None:
        """Drop what is too old, or too much."""
        with self._lock:
            self._refresh()
            self._drop(self._cap)

    def close(self) -> None:
        with self._lock:
            for segment in self._segments.values():
                segment.close()
            self._segments.clear()
            self._places.clear()
            self._own = None

    # -- writing -----------------------------------------------------------------------

    def _append(self, records: dict[bytes, list[bytes]]) -> int:
        """Several records in one write."""
        if not records:
            return 0
        buffers = [buffer for record in records.values() for buffer in record]
        segment = self._writable()
        at = segment.scanned
        try:
            segment.append(buffers)
        except OSError:
            self._drop(self._cap // 2)
            segment.append(buffers)
        name, began = segment.path.name, at
        for key, record in records.items():
            self._places[key] = (*self._places.get(key, ()), (name, at))
            at += sum(map(len, record))
        return at - began

    def _writable(self) -> Segment:
        """Our own segment; a new one where it is full, or was begun long ago."""
        if self._own is None or self._is_over(self._own):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._refresh()
            self._drop(self._cap - self._cap // SEGMENTS)
            path = self._folder / f"{self._clock_ms():013d}-{os.getpid()}{SUFFIX}"
            while path.exists():
                path = path.with_stem(path.stem + "-")
            self._own = self._segments[path.name] = Segment(path, create=True)
        return self._own

    def _is_over(self, own: Segment) -> bool:
        """Else a segment that little is written to would never be old, nor what lies in it."""
        age_ms = self._clock_ms() - int(own.path.name.partition("-")[0])
        full = own.scanned >= max(SMALLEST, self._cap // SEGMENTS)
        return full or age_ms > self._keep_ms // SEGMENTS

    def _drop(self, most: int) -> None:
        """Unlink the oldest segments beyond `most` bytes, and those too old; never our own."""
        paths = [segment.path for _, segment in sorted(self._segments.items())]
        stats = {path: found for path in paths if (found := _stat(path)) is not None}
        total = sum(found.st_size for found in stats.values())
        border_s = (self._clock_ms() - self._keep_ms) / 1000
        for path, found in stats.items():
            own = self._own is not None and path == self._own.path
            if not own and (total > most or found.st_mtime < border_s):
                path.unlink(missing_ok=True)
                total -= found.st_size
        self._refresh()

    # -- what is there -----------------------------------------------------------------

    def _refresh(self) -> None:
        """Take in what came and what went since the last look, by whoever."""
        try:
            names = {path.name for path in self._folder.iterdir() if path.suffix == SUFFIX}
        except FileNotFoundError:
            names = set()
        gone = set(self._segments) - names
        if gone:
            self._forget(gone)
        for name in sorted(names):
            if name not in self._segments:
                try:
                    self._segments[name] = Segment(self._folder / name)
                except FileNotFoundError:
                    continue  # dropped just now
            for entry in self._segments[name].scan():
                self._places[entry.key] = (
                    *self._places.get(entry.key, ()), (name, entry.offset),
                )  # fmt: skip

    def _forget(self, gone: set[str]) -> None:
        for name in gone:
            segment = self._segments.pop(name)
            if segment is self._own:
                self._own = None
            segment.close()
        left = {
            key: tuple(place for place in places if place[0] not in gone)
            for key, places in self._places.items()
        }
        self._places = {key: places for key, places in left.items() if places}


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
