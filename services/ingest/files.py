"""Which files an archive named on the command line is made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.errors import UsageError
from services.ingest.archive import STDIN
from services.ingest.layers import hidden


def files_of(archives: Sequence[Path], media: Path | None) -> list[Path]:
    """The files, folders walked in the order of names; the media folder is no archive."""
    found: list[Path] = []
    for path in archives:
        if path == STDIN or path.is_file() or path.is_fifo():
            found.append(path)
        elif path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file()]
            found += [
                file
                for file in inside
                if not hidden(str(file.relative_to(path)))
                and not (media is not None and file.is_relative_to(media))
            ]
        else:
            raise UsageError(f"no such file or folder: {path}")
    if not found:
        raise UsageError(f"nothing to replay in {', '.join(map(str, archives)) or 'nothing'}")
    return list(dict.fromkeys(found))
