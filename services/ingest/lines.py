"""Bytes that come in pieces, to lines with numbers, with a cap on what a line may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

CHUNK = 1 << 18
MAX_LINE = 16 << 20
"""Bytes. A page of 500 posts with all they refer to is 4 MB."""
KEPT = 512 << 10
"""Bytes kept of what is too long: a dead letter must fit into Kafka's usual 1 MB."""


class Bytes(Protocol):
    """What is read from: a file, a pipe, a decompressor."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, and none at the end."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line over the cap: how it begins, and how long it was."""

    head: bytes
    size: int


Line = tuple[int, bytes | TooLong]
"""The line's number, counted from 1, and its bytes without the line's end."""


def lines(stream: Bytes, max_line: int = MAX_LINE) -> Iterator[Line]:
    """Lines, in memory of `max_line` and a chunk at most.

    What a reading error leaves of a line is yielded before the error is raised.
    """
    number, parts, size = 1, [b""], 0
    try:
        while chunk := stream.read(CHUNK):
            first, *others = chunk.split(b"\n")
            size += len(first)
            if size <= max_line or not parts[-1]:
                parts.append(first)
            if not others:
                parts = _bounded(parts, size, max_line)
                continue
            yield number, _line(parts, size, max_line)
            for whole in others[:-1]:
                number += 1
                yield number, _line([whole], len(whole), max_line)
            number += 1
            parts, size = [others[-1]], len(others[-1])
    except Exception:
        if size:
            yield number, _line(parts, size, max_line)
        raise
    if size:
        yield number, _line(parts, size, max_line)


def _bounded(parts: list[bytes], size: int, max_line: int) -> list[bytes]:
    """Of a line that is too long, only the beginning."""
    return [b"".join(parts)[:KEPT]] if size > max_line else parts


def _line(parts: list[bytes], size: int, max_line: int) -> bytes | TooLong:
    if size > max_line:
        return TooLong(b"".join(parts)[:KEPT], size)
    return b"".join(parts).removesuffix(b"\r")
