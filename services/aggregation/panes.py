"""Panes: half-open slices [start, start + width) of event time. Pure arithmetic.

time   0         10        20        30 s
       |---- 0 ---|---- 1 ---|---- 2 ---|
a post at 10.000 s lies in pane 1, one at 9.999 s in pane 0.
"""

from __future__ import annotations

from services.store.schema import Resolution


def is_kept(ms: int, resolution: Resolution, watermark_ms: int | None) -> bool:
    """True while the pane of this moment may be written and read.

    A whole slice is dropped at a time, so the end of the slice decides: a post
    that comes after that must not make a part of a pane that is gone.
    """
    if watermark_ms is None:
        return True
    end = (ms // resolution.slice_ms + 1) * resolution.slice_ms
    return end > watermark_ms - resolution.keep_ms
