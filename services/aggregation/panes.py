"""Panes: half-open slices [start, start + width) of event time. Pure arithmetic.

time   0         10        20        30 s
       |---- 0 ---|---- 1 ---|---- 2 ---|
a post at 10.000 s lies in pane 1, one at 9.999 s in pane 0.
"""

from __future__ import annotations

from services.store.schema import PANES_PER_SLICE, Resolution


def pane_of(ms: int, width_ms: int) -> int:
    """The number of the pane that holds this moment."""
    return ms // width_ms


def bounds(pane: int, width_ms: int) -> tuple[int, int]:
    """[start, end) of a pane in milliseconds."""
    return pane * width_ms, (pane + 1) * width_ms


def is_closed(pane: int, width_ms: int, watermark_ms: int | None) -> bool:
    """True once the watermark says that no post of this pane comes in time any more."""
    return watermark_ms is not None and (pane + 1) * width_ms <= watermark_ms


def is_kept(ms: int, resolution: Resolution, watermark_ms: int | None) -> bool:
    """True while the pane of this moment may be written and read.

    A whole slice is dropped at a time, so the end of the slice decides: a post
    that comes after that must not make a part of a pane that is gone.
    """
    if watermark_ms is None:
        return True
    end = (slice_of(ms, resolution) + 1) * resolution.slice_ms
    return end > watermark_ms - resolution.keep_ms


def slice_of(ms: int, resolution: Resolution) -> int:
    """The number of the slice (one hash of sixty panes) that holds this moment."""
    return ms // (resolution.width_ms * PANES_PER_SLICE)
