"""How long panes are kept, and where a window ends; the pictures say where a moment lies."""

from __future__ import annotations

from services.aggregation.panes import is_kept
from services.store.schema import HOUR_MS, TEN_SECONDS, window_end


def test_a_pane_is_kept_until_its_whole_slice_is_past() -> None:
    #   |------- slice 0: panes 0 … 59 -------|------ slice 1
    #   0                                    10 min
    keep, slice_ms = TEN_SECONDS.keep_ms, TEN_SECONDS.slice_ms
    assert is_kept(0, TEN_SECONDS, None)
    assert is_kept(0, TEN_SECONDS, slice_ms + keep - 1)
    assert not is_kept(0, TEN_SECONDS, slice_ms + keep)
    assert is_kept(slice_ms, TEN_SECONDS, slice_ms + keep)


def test_a_window_ends_behind_the_newest_post() -> None:
    assert window_end(HOUR_MS - 1) == HOUR_MS
    assert window_end(HOUR_MS) == HOUR_MS + TEN_SECONDS.width_ms
