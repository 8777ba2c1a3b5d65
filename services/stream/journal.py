"""A memory stream's records on disk, for those that must outlive the process: dead letters."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path

import msgspec

from services.errors import UsageError
from services.stream.port import Output, Record

_Row = tuple[bytes | None, bytes | None, int, tuple[tuple[str, bytes], ...]]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Row)


class Journal:
    """An append-only file of length-prefixed MessagePack rows: key, value, time, headers.

    A row that a kill cut off is cut off for good; what stands before it is read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def load(self, stream: str) -> list[Record]:
        """What is there, as the records of partition 0; a torn end is removed."""
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        records: list[Record] = []
        place = 0
        while place + 4 <= len(data):
            stop = place + 4 + int.from_bytes(data[place : place + 4], "big")
            if stop > len(data):
                break
            try:
                key, value, time_ms, headers = _decoder.decode(data[place + 4 : stop])
            except msgspec.MsgspecError as error:
                raise UsageError(f"{self._path} is damaged at byte {place}: {error}") from error
            records.append(Record(stream, 0, len(records), key, value, time_ms, headers))
            place = stop
        if place < len(data):
            with self._path.open("r+b") as file:
                file.truncate(place)
        return records

    def append(self, output: Output, time_ms: int) -> None:
        """`UsageError` where the disk takes no more; then nothing of the row stays."""
        row = _encoder.encode((output.key, output.value, time_ms, output.headers))
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
            before = self._file.tell()
            if self._file.write(len(row).to_bytes(4, "big") + row) < len(row) + 4:
                self._file.truncate(before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.close()
            raise UsageError(f"can't write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
