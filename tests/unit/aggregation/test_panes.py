"""Panes are half-open; these pictures say where a moment lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregation.panes import bounds, is_closed, is_kept, pane_of, slice_of
from services.store.schema import HOUR_MS, RESOLUTIONS, TEN_SECONDS, window_end

TEN = 10_000


@pytest.mark.parametrize(
    ("ms", "pane"),
    [(0, 0), (9_999, 0), (10_000, 1), (19_999, 1), (20_000, 2)],
)
def test_a_moment_on_the_border_lies_in_the_later_pane(ms: int, pane: int) -> None:
    #   |--- 0 ---|--- 1 ---|--- 2 ---
    #   0         10        20        seconds
    assert pane_of(ms, TEN) == pane
    start, end = bounds(pane, TEN)
    assert start <= ms < end


@given(st.integers(0, 2**41), st.sampled_from(RESOLUTIONS))
def test_every_moment_lies_in_exactly_one_pane_of_one_slice(ms: int, resolution: object) -> None:
    width = resolution.width_ms  # type: ignore[attr-defined]
    pane = pane_of(ms, width)
    start, end = bounds(pane, width)
    assert start <= ms < end
    assert end - start == width
    assert slice_of(ms, resolution) == pane // 60  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("watermark", "closed"), [(None, False), (19_999, False), (20_000, True), (20_001, True)]
)
def test_a_pane_is_closed_once_the_watermark_reaches_its_end(
    watermark: int | None, closed: bool
) -> None:
    #          |--- 1 ---|
    #          10        20        seconds
    assert is_closed(1, TEN, watermark) is closed


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
    assert window_end(HOUR_MS) == HOUR_MS + TEN
