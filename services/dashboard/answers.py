"""A body on its way out: ETag and 304, gzip, Cache-Control.

Everything may change from one second to the next, so everything is to be asked for again
(`no-cache`), and costs nothing where it is the same (304).
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

import msgspec
from fastapi import Request, Response

JSON: Final = "application/json"
CSV: Final = "text/csv; charset=utf-8"
REVALIDATE: Final = "private, no-cache"
NEVER_STORED: Final = "private, no-store"
"""For strangers' words and pictures: what is deleted there is gone from the browser too."""
SMALLEST_GZIP: Final = 1_000
PACKED_ALREADY: Final = ("image/jpeg", "image/png", "image/webp", "font/woff2")
GZIP_LEVEL: Final = 1
"""Three times as quick as the default, and a tenth larger."""

_GZIP_WINDOW = 31
"""zlib's word for a gzip header around a window of 32 KiB."""


class Body:
    """Bytes with their ETag, and their gzip once somebody takes it. Shared between readers."""

    __slots__ = ("_packed", "etag", "media", "raw")

    def __init__(self, raw: bytes, media: str = JSON) -> None:
        self.raw, self.media = raw, media
        self.etag = f'W/"{blake2b(raw, digest_size=9).hexdigest()}"'
        self._packed: bytes | None = None

    @property
    def packs(self) -> bool:
        """Whether gzip makes it smaller."""
        return len(self.raw) >= SMALLEST_GZIP and self.media not in PACKED_ALREADY

    @property
    def packed(self) -> bytes:
        return self._packed if self._packed is not None else self.pack()

    def pack(self) -> bytes:
        """Make the gzip now: here, in a thread, rather than later where others wait for it."""
        packer = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_WINDOW)
        self._packed = packer.compress(self.raw) + packer.flush()
        return self._packed


def encode(document: Any) -> Body:
    """A document as JSON."""
    return Body(msgspec.json.encode(document))


def answer(
    request: Request, body: Body, *, status: int = 200, cache: str = REVALIDATE, name: str = ""
) -> Response:
    """The response: 304 where the reader has this body; `name` offers it as a file."""
    headers = {"ETag": body.etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    if status == 200 and body.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if name:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    content = body.raw
    if body.packs and "gzip" in request.headers.get("accept-encoding", ""):
        content = body.packed
        headers["Content-Encoding"] = "gzip"
    return Response(content, status, headers, body.media)
