"""What a JPEG's markers say of it, before a decoder sees it (ITU-T T.81, annex B).

The size of a picture does not say what it costs: a progressive JPEG of 8 MB may hold a
quarter of a million scans, each of which goes over the whole picture again.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

SEGMENTS: Final = 1_000
"""Before the first scan; a colour profile may take 255. Pillow reads them one by one."""
FILLER: Final = 4_096
"""Bytes between segments, which the standard allows and Pillow reads one by one."""

_MARKER: Final = re.compile(rb"\xff([^\x00\xff])")
_SCAN, _END = 0xDA, 0xD9
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE, *_FRAMES})
"""Tables, frames, JFIF and Adobe's word on colours: what a decoder needs."""


class Markers(NamedTuple):
    """`scans`: 0 where there is no picture. `at_once`: the decoder goes over it once, row by row.
    `bare`: nothing else is in it, neither where it was taken nor who did."""

    scans: int
    at_once: bool
    bare: bool


def markers(data: bytes) -> Markers:
    """Of bytes that begin as a JPEG does. `ValueError` where no decoder should be given them."""
    at, filler, components, frame, bare = 2, 0, 0, 0, True
    for _ in range(SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found[1][0] == _END:
            return Markers(0, False, False)
        filler += found.start() - at
        kind, length = found[1][0], int.from_bytes(data[found.end() : found.end() + 2], "big")
        if filler > FILLER:
            break
        if kind == _SCAN:
            several = data[found.end() + 2 : found.end() + 3] != bytes([components])
            at_once = frame in (0xC0, 0xC1) and not several
            return Markers(data.count(b"\xff\xda", found.start()), at_once, bare)
        if kind in _FRAMES:
            frame, components = kind, (data[found.end() + 7 : found.end() + 8] or b"\0")[0]
        bare = bare and (kind in _BARE or kind in _ALONE)
        at = found.end() + (0 if kind in _ALONE else max(2, length))
    raise ValueError("its picture is buried under other segments")
