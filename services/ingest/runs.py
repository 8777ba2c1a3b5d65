"""Sorting on disk: items gathered to a bounded size, sorted, written as runs, merged.

A run is a zstd file of records: four bytes of length (little-endian), then
MessagePack of (time, file, number, item). Runs are many only for a moment:
`FAN_IN` of them are merged into one, so that memory and open files stay
bounded however large the archive.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import zstandard

from services.errors import UsageError
from services.ingest.draft import Draft, Gone, Refused
from services.ingest.order import Key, Keyed, merged

MAX_BYTES = 48 << 20
"""Held in memory before a run is written, bookkeeping included."""
OVERHEAD = 250
"""Bytes that Python spends on one item beside its encoding."""
FAN_IN = 32
LEVEL = 1

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[int, int, int, Draft | Gone | Refused])
Sorted = tuple[int, int, int, bytes]


class Runs:
    """The runs of one replay in `folder`, written once and then read as often as needed."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES, fan_in: int = FAN_IN) -> None:
        self._folder, self._max_bytes, self._fan_in = folder, max_bytes, fan_in
        self._held: list[Sorted] = []
        self._bytes = 0
        self._number = 0
        self.names: list[str] = []
        """Files that hold everything once `finish` was called."""

    def add(self, item: Keyed) -> None:
        encoded = _encoder.encode(item)
        self._held.append((item[0], item[1], item[2], encoded))
        self._bytes += len(encoded) + OVERHEAD
        if self._bytes > self._max_bytes:
            self._spill()

    def finish(self) -> list[str]:
        """Write what is held; the names of all runs."""
        if self._held:
            self._spill()
        return self.names

    def _spill(self) -> None:
        self._held.sort()
        name = self._write(item[3] for item in self._held)
        self._held, self._bytes = [], 0
        self.names.append(name)
        if len(self.names) >= self._fan_in:
            joined = self._write(
                _encoder.encode(item)
                for item in merged([Run(self._folder / name).items() for name in self.names])
            )
            for name in self.names:
                (self._folder / name).unlink()
            self.names = [joined]

    def _write(self, encoded: Iterable[bytes]) -> str:
        self._number += 1
        name = f"run-{self._number:05}.zst"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / name).open("wb") as file:
                with zstandard.ZstdCompressor(LEVEL).stream_writer(file, closefd=False) as out:
                    for piece in encoded:
                        out.write(len(piece).to_bytes(4, "little") + piece)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise no_space(error, self._folder) from error
        return name


def no_space(error: OSError, folder: Path) -> UsageError:
    """What an operator can do about a folder that takes no more."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UsageError(
            f"no space left in {folder} to put the archive in order: free some, "
            "or set UNDERTONE_DATA_DIR to a larger disk"
        )
    return UsageError(f"can't write to {folder}: {error.strerror}")


class Run:
    """One run, read from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.bytes_done = 0
        """Of the file, in this pass."""

    def items(self, after: Key | None = None) -> Iterator[Keyed]:
        """Everything, or what comes after a key."""
        with (
            self._path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as stream,
        ):
            while size := _exactly(stream, 4):
                item = _decoder.decode(_exactly(stream, int.from_bytes(size, "little")))
                if after is None or item[:3] > after:
                    self.bytes_done = file.tell()
                    yield item


def _exactly(stream: zstandard.ZstdDecompressionReader, size: int) -> bytes:
    """`size` bytes, or none at the end of the run."""
    data: bytes = stream.read(size)
    while 0 < len(data) < size:
        more: bytes = stream.read(size - len(data))
        if not more:
            raise RuntimeError("a run of the sorted archive is cut off")
        data += more
    return data
