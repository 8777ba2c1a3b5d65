"""One file of the shelf: records one behind the other, never moved.

A record is a header of 48 bytes and up to four JPEGs. Header, little-endian:

    0   4  magic "UPS1"
    4   1  1, or 0 once the post is deleted; then the bytes of its pictures are zeros
    8  16  BLAKE2b of namespace and post id
    24 16  four lengths, 0 where there is no picture
    40  4  CRC-32 of the pictures
    44  4  CRC-32 of bytes 8 to 43

A process writes to files of its own, so what a kill cut off is the end of a
file that nobody writes to any more: a record that is not whole ends it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

MAGIC = b"UPS1"
MOST = 4
"""Pictures of a post."""
_HEADER = Struct("<4sB3x16s4III")
_NAMED = slice(8, 44)
_LARGEST = 64 * 1024 * 1024
"""Of one picture, as a length that is no nonsense."""


class Entry(NamedTuple):
    """One record of a segment."""

    key: bytes
    offset: int
    sizes: tuple[int, ...]
    crc: int
    alive: bool

    @property
    def stop(self) -> int:
        return self.offset + _HEADER.size + sum(self.sizes)


def key_of(namespace: str, post_id: str) -> bytes:
    """What a post goes by on the shelf: no words, no name."""
    text = f"{namespace}\0{post_id}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()


def packed(key: bytes, pictures: Sequence[bytes | None]) -> list[bytes]:
    """A record, as buffers to write one behind the other."""
    bodies = [picture or b"" for picture in pictures[:MOST]]
    sizes = [len(body) for body in bodies] + [0] * (MOST - len(bodies))
    crc = 0
    for body in bodies:
        crc = crc32(body, crc)
    bare = _HEADER.pack(MAGIC, 1, key, *sizes, crc, 0)
    return [_HEADER.pack(MAGIC, 1, key, *sizes, crc, crc32(bare[_NAMED])), *filter(None, bodies)]


class Segment:
    """A file of records. Open until closed, so that it reads on while it is being dropped."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """`OSError` where it can't be opened; one that is created must not be there."""
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        self.path = path
        self._fd = os.open(path, flags, 0o600)
        self.scanned = 0
        """Everything before is known to whoever called `scan` or `append`."""

    def scan(self) -> Iterator[Entry]:
        """What is there since the last look."""
        size = os.fstat(self._fd).st_size
        while (entry := self._entry(self.scanned)) is not None and entry.stop <= size:
            self.scanned = entry.stop
            yield entry

    def append(self, buffers: Sequence[bytes]) -> None:
        """`OSError` where the disk takes no more; then nothing of it stays."""
        try:
            self._write(buffers)
        except OSError:
            os.ftruncate(self._fd, self.scanned)
            raise
        self.scanned += sum(map(len, buffers))

    def _write(self, buffers: Sequence[bytes]) -> None:
        at, most = self.scanned, os.sysconf("SC_IOV_MAX")
        for first in range(0, len(buffers), most):
            part = buffers[first : first + most]
            wrote = os.pwritev(self._fd, part, at)
            if wrote < sum(map(len, part)):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            at += wrote

    def read(self, key: bytes, offset: int) -> list[bytes | None]:
        """The pictures of a record; empty once it is deleted, or where another one lies there."""
        entry = self._entry(offset)
        if entry is None or entry.key != key or not entry.alive:
            return []
        data = os.pread(self._fd, sum(entry.sizes), offset + _HEADER.size)
        if crc32(data) != entry.crc:
            return []  # it is being deleted, or the disk lost it
        pictures: list[bytes | None] = []
        at = 0
        for size in entry.sizes:
            pictures.append(data[at : at + size] if size else None)
            at += size
        while pictures and pictures[-1] is None:
            pictures.pop()
        return pictures

    def blank(self, offset: int) -> None:
        """Make a record unreadable, then overwrite its pictures."""
        entry = self._entry(offset)
        if entry is not None and entry.alive:
            os.pwrite(self._fd, b"\0", offset + len(MAGIC))
            os.pwrite(self._fd, bytes(sum(entry.sizes)), offset + _HEADER.size)

    def sync(self) -> None:
        """What was written outlives the loss of power."""
        os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)

    def _entry(self, offset: int) -> Entry | None:
        """The header there; None where there is none, or a torn one."""
        head = os.pread(self._fd, _HEADER.size, offset)
        if len(head) < _HEADER.size:
            return None
        magic, alive, key, *sizes, crc, check = _HEADER.unpack(head)
        if magic != MAGIC or check != crc32(head[_NAMED]) or max(sizes) > _LARGEST:
            return None
        return Entry(key, offset, tuple(sizes), crc, bool(alive))
