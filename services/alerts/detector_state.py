"""The numbers kept of every topic: named rows of one matrix, a column a topic."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_FIRST = 16


class Table:
    """Blocks of rows `(rows, topics)`, grown as topics come, compact when they go.

    A field of all topics lies together, which is what a step reads; a topic is a
    column, which is what `take` and `put` carry as bytes.
    """

    def __init__(self, layout: Mapping[str, int]) -> None:
        self._rows: dict[str, slice] = {}
        start = 0
        for name, rows in layout.items():
            self._rows[name] = slice(start, start + rows)
            start += rows
        self._data = np.zeros((start, _FIRST))
        self._sign = zlib.crc32(repr(dict(layout)).encode()).to_bytes(4, "big")
        self.count = 0

    def __getitem__(self, name: str) -> Array:
        """The block NAME of all topics, `(rows, topics)`: a view, to be changed in place."""
        return self._data[self._rows[name], : self.count]

    @property
    def bytes_a_topic(self) -> int:
        return self._data.shape[0] * self._data.itemsize

    def append(self) -> int:
        """A column of zeros; its number."""
        if self.count == self._data.shape[1]:
            self._data = np.concatenate([self._data, np.zeros_like(self._data)], axis=1)
        self._data[:, self.count] = 0.0
        self.count += 1
        return self.count - 1

    def drop(self, column: int) -> None:
        """Take a column out; those behind it move up by one."""
        kept = self._data[:, column + 1 : self.count].copy()
        self._data[:, column : self.count - 1] = kept
        self.count -= 1

    def take(self, column: int) -> bytes:
        """A topic as bytes: the layout's checksum, then its numbers, compressed."""
        numbers = np.ascontiguousarray(self._data[:, column], dtype="<f8").tobytes()
        return self._sign + zlib.compress(numbers, 1)

    def put(self, column: int, state: bytes) -> bool:
        """Fill a column from `take`; False where the bytes are of another layout or broken."""
        if state[:4] != self._sign:
            return False
        try:
            numbers = np.frombuffer(zlib.decompress(state[4:]), dtype="<f8")
        except (zlib.error, ValueError):
            return False
        if numbers.size != self._data.shape[0]:
            return False
        self._data[:, column] = numbers
        return True
