"""The page's own files, from memory: each with its ETag and its gzip, read again when edited."""

from __future__ import annotations

from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path, PurePosixPath
from typing import Final

from services.dashboard.answers import Body

FOLDER: Final = Path(__file__).parent / "static"
TEXT: Final = ("text/", "application/json", "image/svg", "application/manifest")


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]
    body: Body


class Files:
    """Files below one folder, by their name there."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder.resolve()
        self._held: dict[str, _File] = {}

    def get(self, name: str) -> Body | None:
        """The file's body; None where there is none of that name."""
        path = self._path(name)
        if path is None:
            return None
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        held = self._held.get(name)
        if held is None or held.stamp != stamp:
            held = self._held[name] = _File(stamp, Body(path.read_bytes(), media_type(name)))
        return held.body

    def _path(self, name: str) -> Path | None:
        """Only plain names below the folder: no `..`, nothing hidden, no link that leads out; and
        each file by one name alone, or `a//b` and `a/./b` would be kept beside `a/b`."""
        parts = PurePosixPath(name).parts
        if not parts or any(part.startswith((".", "/")) or "\\" in part for part in parts):
            return None
        if "\0" in name or "/".join(parts) != name:
            return None
        path = self._folder.joinpath(*parts)
        try:
            there = path.is_file() and path.resolve().is_relative_to(self._folder)
        except OSError:  # no disk has names so long
            return None
        return path if there else None


def media_type(name: str) -> str:
    """By the ending; JavaScript the same on every system."""
    if name.endswith((".js", ".mjs")):
        return "text/javascript; charset=utf-8"
    if name.endswith(".webmanifest"):
        return "application/manifest+json"
    found = guess_type(name, strict=False)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith(TEXT) else found
