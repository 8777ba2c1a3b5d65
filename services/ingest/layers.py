"""What is around the lines: compression and tar, taken off by content, streamed, never unpacked.

    members(stream) -> ("", lines) or, of a tar, (name, lines) for each file in it

Layers may lie in each other (`.tar.gz` of `.jsonl.bz2`). Each is read a piece
at a time, so memory stays flat whatever is inside.
"""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

import zstandard

from services.errors import BadRecord
from services.ingest.lines import Bytes

MAX_DEPTH = 5
TAR_MAGIC = (257, b"ustar")
ZSTD_PIECE = 2048
"""Bytes of zstd fed at once: a block of 128 KB takes 4 bytes, so more could burst memory."""
ZSTD_WINDOW = 128 << 20
TAR_HEADER = 1 << 20
"""Bytes of a tar's extended header (long names, other attributes), which are read at once."""
HEAD = 1 << 16
FREE_BYTES, MAX_RATIO = 1 << 30, 1_000
"""Beyond a gigabyte, what comes out may be so many times what was read; posts pack to a tenth. Two
layers make a petabyte of a few kilobytes, which nobody would live to see refused line by line."""


class Broken(BadRecord):
    """The rest of a file or member can't be read."""


class Head:
    """A stream whose beginning was looked at and is read again."""

    def __init__(self, stream: Bytes) -> None:
        self._stream = stream
        self._head = b""
        self._error: Exception | None = None

    def peek(self, size: int = HEAD) -> bytes:
        """The first `size` bytes, or all there are; an error shows only when it is reached."""
        while len(self._head) < size:
            try:
                piece = b"" if self._error else self._stream.read(size - len(self._head))
            except (Broken, *ERRORS) as error:
                self._error = error
                break
            if not piece:
                break
            self._head += piece
        return self._head[:size]

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            size = len(self._head) if size < 0 else size
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        if self._error is not None:
            raise self._error
        return self._stream.read(size)


class ZstdStream:
    """Frames of zstd one after another. Unlike the library's reader it tells a cut-off frame."""

    def __init__(self, stream: Bytes) -> None:
        self._stream = stream
        self._inflater = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._frame = self._inflater.decompressobj()
        self._begun = False
        self._out = b""

    def read(self, size: int, /) -> bytes:
        while not self._out:
            piece = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = self._inflater.decompressobj(), False
            piece = piece or self._stream.read(ZSTD_PIECE)
            if not piece:
                if self._begun:
                    raise EOFError("the last zstd frame is cut off")
                return b""
            self._begun = True
            self._out = self._frame.decompress(piece)
        piece, self._out = self._out[:size], self._out[size:]
        return piece


ERRORS = (EOFError, OSError, zlib.error, zstandard.ZstdError, tarfile.TarError)
"""What broken layers raise."""


class _Counted:
    """The file itself: how much of it was read."""

    def __init__(self, stream: Bytes) -> None:
        self._stream = stream
        self.taken = 0

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self.taken += len(piece)
        return piece


class _Inflated:
    """What comes out of a layer, held against what was read of the file."""

    def __init__(self, stream: Bytes, file: _Counted) -> None:
        self._stream, self._file = stream, file
        self._made = 0

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(size)
        self._made += len(piece)
        if self._made > max(FREE_BYTES, MAX_RATIO * self._file.taken):
            message = f"{self._made} bytes out of {self._file.taken}"
            raise Broken("decompression_bomb", message)
        return piece


def members(stream: Bytes) -> Iterator[tuple[str, Head]]:
    """The innermost streams. Raises `Broken` where a layer can't be taken off."""
    file = _Counted(stream)
    yield from _members(file, "", 0, file)


def _members(stream: Bytes, name: str, depth: int, file: _Counted) -> Iterator[tuple[str, Head]]:
    head = Head(stream)
    start = head.peek(512)
    if depth > MAX_DEPTH:
        raise Broken("nested_too_deep", f"more than {MAX_DEPTH} layers of compression")
    if start[TAR_MAGIC[0] :].startswith(TAR_MAGIC[1]):
        yield from _of_tar(head, name, depth, file)
    elif inner := _inflated(start, head):
        yield from _members(_Inflated(inner, file), name, depth + 1, file)
    elif start.startswith(b"PK\x03\x04"):
        raise Broken("format_refused", "a zip archive: repack it as .tar or .gz")
    else:
        yield name, head


def _inflated(start: bytes, head: Head) -> Bytes | None:
    if start.startswith(b"\x1f\x8b"):
        return cast(Bytes, gzip.GzipFile(fileobj=cast(IO[bytes], head)))
    if start.startswith(b"BZh") and start[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return cast(Bytes, bz2.BZ2File(cast(IO[bytes], head)))
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return ZstdStream(head)
    return None


def _of_tar(head: Head, name: str, depth: int, file: _Counted) -> Iterator[tuple[str, Head]]:
    try:
        with tarfile.open(
            fileobj=cast(IO[bytes], head), mode="r|", tarinfo=_Member, errorlevel=1
        ) as tar:
            for info in tar:
                inner = tar.extractfile(info) if info.isfile() and not hidden(info.name) else None
                if inner is not None:
                    inside = f"{name}/{info.name}" if name else info.name
                    yield from _members(cast(Bytes, inner), inside, depth + 1, file)
                tar.members.clear()  # type: ignore[attr-defined]  # else it grows with the archive
    except tarfile.TarError as error:
        raise Broken("broken_archive", f"tar: {error}") from error


class _Member(tarfile.TarInfo):
    """A member whose headers can be read and held, and that has no holes. `_proc_member` is the
    hook that tarfile names for subclasses."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size > TAR_HEADER and self.type in _EXTENDED:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        try:
            made: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        except (ValueError, OverflowError, IndexError, KeyError) as error:
            raise tarfile.ReadError(f"a broken header: {error}") from error
        if made.issparse():  # a few bytes of it would make endless zeros
            raise tarfile.ReadError(f"{made.name!r} is a sparse file: repack it without --sparse")
        return made


_EXTENDED = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip


def hidden(path: str) -> bool:
    """What file managers and archivers leave behind."""
    return any(part.startswith((".", "__MACOSX")) and part != "." for part in path.split("/"))


def named(error: Exception) -> BadRecord:
    """The error of a layer, by a reason of ours."""
    if isinstance(error, BadRecord):
        return error
    if isinstance(error, EOFError):
        return Broken("truncated", f"it ends in the middle: {error}")
    if isinstance(error, gzip.BadGzipFile | zlib.error | zstandard.ZstdError):
        return Broken("broken_compression", str(error))
    if isinstance(error, tarfile.TarError):
        return Broken("broken_archive", f"tar: {error}")
    if isinstance(error, OSError) and error.errno is None:  # bz2 says it so
        return Broken("broken_compression", str(error))
    return Broken("unreadable", str(error))


def whole(stream: Bytes, limit: int) -> bytes:
    """All of it; `BadRecord` when it is more than `limit` bytes."""
    out = io.BytesIO()
    while piece := stream.read(1 << 18):
        out.write(piece)
        if out.tell() > limit:
            message = f"a document of more than {limit >> 20} MB: write it as one object a line"
            raise BadRecord("document_too_large", message)
    return out.getvalue()
