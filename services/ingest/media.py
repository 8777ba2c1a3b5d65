"""Pictures of posts: from a media folder, else from their hosts where fetching is on.

Files in the folder go by the last part of the picture's URL, by media key, or
by the post's id (`<id>.jpg`, and `<id>_2.jpg` for a second picture). URLs and
names in posts are a stranger's: they are looked up among the files that are
there, never joined to a path.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

import numpy as np

from services.errors import UsageError
from services.ingest.draft import Draft, Media
from services.ingest.pictures import MAX_BYTES, BadPicture, normalise
from services.net import MAX_URL
from services.records import Picture

NOT_IN_FOLDER, FETCHING_OFF, NO_URL = "not_in_media_folder", "fetching_off", "no_url"
MAX_ALT = 4_096
"""Characters; Bluesky takes 2,000."""
MISSING = frozenset({NOT_IN_FOLDER, FETCHING_OFF, NO_URL})
"""Reasons that say nobody looked further; all others are failures."""


class Outcome(Protocol):
    """What fetching one URL came to."""

    @property
    def jpeg(self) -> bytes | None: ...
    @property
    def reason(self) -> str: ...


Fetch = Callable[[Sequence[str]], Sequence[Outcome]]
"""Fetches many at once; one outcome per URL, in order. `Fetcher.fetch_many` is one."""


class MediaFolder:
    """The files below a folder by their stems: 14 bytes of memory a file, however deep they lie."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"--media: {folder} is no folder")
        self._folders: list[str] = []
        self._suffixes: dict[str, int] = {}
        hashes, homes, endings = array("q"), array("I"), array("H")
        for home, name in self._files(str(folder)):
            stem, suffix = split(name)
            hashes.append(hash(stem))
            homes.append(home)
            endings.append(self._suffixes.setdefault(suffix, min(len(self._suffixes), 0xFFFF)))
        self._endings = list(self._suffixes)
        order = np.argsort(np.frombuffer(hashes, np.int64), kind="stable")
        self._hashes = np.frombuffer(hashes, np.int64)[order]
        self._homes = np.frombuffer(homes, np.uint32)[order]
        self._kinds = np.frombuffer(endings, np.uint16)[order]

    def __len__(self) -> int:
        return len(self._hashes)

    def _files(self, top: str) -> Iterator[tuple[int, str]]:
        for folder, folders, names in os.walk(top):
            folders.sort()
            self._folders.append(folder)
            yield from ((len(self._folders) - 1, name) for name in sorted(names))

    def find(self, name: str) -> Path | None:
        """The file of this name, whatever its extension, wherever it lies in the folder."""
        for stem in dict.fromkeys((split(name)[0], name)):
            wanted = hash(stem)
            at = int(self._hashes.searchsorted(wanted))
            while at < len(self._hashes) and self._hashes[at] == wanted:
                file = f"{self._folders[self._homes[at]]}/{stem}{self._endings[self._kinds[at]]}"
                if (path := Path(file)).is_file():  # another stem may have the same hash
                    return path
                at += 1
        return None


def split(name: str) -> tuple[str, str]:
    """Stem and extension, the dot with the latter: `a.b.jpg` is (`a.b`, `.jpg`)."""
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if stem else (name, "")


class Pictures:
    """Turns what posts name into pictures, many posts at a time."""

    def __init__(self, folder: MediaFolder | None = None, fetch: Fetch | None = None) -> None:
        self._folder, self._fetch = folder, fetch

    def of(self, drafts: Sequence[Draft]) -> list[tuple[Picture, ...]]:
        """The pictures of each draft. One that can't be had says why, and keeps its place."""
        found = [[self._here(draft, i) for i in range(len(draft.media))] for draft in drafts]
        absent = [
            (pictures, i)
            for pictures in found
            for i, picture in enumerate(pictures)
            if picture.reason in MISSING and picture.url.startswith(("http://", "https://"))
        ]
        if absent and self._fetch is not None:
            outcomes = self._fetch([pictures[i].url for pictures, i in absent])
            for (pictures, i), outcome in zip(absent, outcomes, strict=True):
                known = pictures[i]
                pictures[i] = Picture(outcome.jpeg, known.url, known.alt, outcome.reason)
        return [tuple(pictures) for pictures in found]

    def _here(self, draft: Draft, index: int) -> Picture:
        """The picture as the archive or the folder holds it."""
        media = draft.media[index]
        url, alt = media.url if len(media.url) <= MAX_URL else "", media.alt[:MAX_ALT]
        try:
            data = media.data or self._read(draft, index)
            jpeg = normalise(data) if data is not None else None
        except BadPicture as error:
            return Picture(None, url, alt, error.reason)
        except OSError:
            return Picture(None, url, alt, "unreadable_file")
        return Picture(jpeg, url, alt, "" if jpeg else self._absent(media))

    def _absent(self, media: Media) -> str:
        if self._folder is not None:
            return NOT_IN_FOLDER
        return FETCHING_OFF if media.url else NO_URL

    def _read(self, draft: Draft, index: int) -> bytes | None:
        if self._folder is None:
            return None
        for name in names(draft, index):
            path = self._folder.find(name)
            if path is not None:
                if path.stat().st_size > MAX_BYTES:
                    raise BadPicture("too_many_bytes", str(path))
                return path.read_bytes()
        return None


def names(draft: Draft, index: int) -> Iterator[str]:
    """What a file of this picture may be called, most exact first."""
    media = draft.media[index]
    last = media.url.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]
    if last:
        plain = last.rpartition(":")[0] or last  # X's `name.jpg:large`
        yield unquote(plain)
        if "@" in plain:
            yield plain.partition("@")[0]  # Bluesky's `cid@jpeg`
    if media.key:
        yield media.key
    own = draft.id.partition(":")[2].rpartition("/")[2]
    if own:
        yield from (f"{own}_{index + 1}", f"{own}-{index + 1}")
        if index == 0:
            yield own
