"""Which panes a series is made of, and how they become columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard import series
from services.dashboard.problems import Refused
from services.store import schema
from services.store.reader import Sums
from services.store.schema import DAY_MS, HOUR_MS, MINUTE_MS

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("length_ms", "name"),
    [
        (5 * MINUTE_MS, "10s"),
        (HOUR_MS, "10s"),
        (12 * HOUR_MS, "1m"),
        (3 * DAY_MS, "5m"),
        (30 * DAY_MS, "1h"),
        (300 * DAY_MS, "1d"),
    ],
)
def test_auto_takes_the_finest_that_is_not_too_fine(length_ms: int, name: str) -> None:
    found = series.span(NOW - length_ms, NOW, "auto", NOW)
    assert found.step.name == name
    assert 20 <= found.points <= 1_100


def test_auto_takes_what_is_still_kept() -> None:
    ago = NOW - 7 * HOUR_MS
    assert series.span(ago, ago + HOUR_MS, "auto", NOW).step.name == "1m"
    ago = NOW - 8 * DAY_MS
    assert series.span(ago, ago + HOUR_MS, "auto", NOW).step.name == "1h"
    ago = NOW - 401 * DAY_MS
    assert series.span(ago, ago + HOUR_MS, "auto", NOW).step.name == "1d"


@given(
    start=st.integers(0, 2 * NOW),
    length=st.integers(1, 500 * DAY_MS),
    name=st.sampled_from(["auto", *(step.name for step in series.STEPS)]),
)
def test_a_span_covers_what_was_asked_for_in_whole_points(
    start: int, length: int, name: str
) -> None:
    try:
        found = series.span(start, start + length, name, NOW)
    except Refused:
        return  # too long, or too many points
    width = found.step.width_ms
    assert found.start_ms % width == found.stop_ms % width == 0
    assert found.start_ms <= start < found.start_ms + width
    assert found.stop_ms - width < start + length <= found.stop_ms
    assert 1 <= found.points <= series.MOST_POINTS
    assert name in ("auto", found.step.name)


def test_too_many_points_are_refused_with_a_way_out() -> None:
    with pytest.raises(Refused, match=r"43,200 points at resolution 1m.*resolution=auto"):
        series.span(NOW // DAY_MS * DAY_MS, (NOW // DAY_MS + 30) * DAY_MS, "1m", NOW)


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5), (0, 402 * DAY_MS)])
def test_a_time_that_is_none(start: int, stop: int) -> None:
    with pytest.raises(Refused):
        series.span(start, stop, "auto", NOW)


PANE = st.tuples(*[st.integers(0, 10_000)] * 3)


@given(panes=st.lists(PANE, min_size=5, max_size=5), seed=st.integers(0, 2**16))
def test_columns_are_the_reader_s_sums(panes: list[tuple[int, int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.zeros((5, len(schema.PANE_FIELDS)), dtype=np.int64)
    for row, counts in zip(rows, panes, strict=True):
        scores = rng.integers(-10_000, 10_001, sum(counts))
        row[:] = (*counts, scores.sum(), (scores**2).sum(), 1, 2, 3)
    found = series.columns(series.span(NOW, NOW + 50_000 - NOW % 10_000, "10s", NOW), rows)
    for place, row in enumerate(rows.tolist()):
        sums = Sums(*row)
        assert found["negative"][place] == sums.negative
        for name in ("mean_score", "standard_error"):
            wanted, got = getattr(sums, name), found[name][place]
            assert (wanted is None) == (got is None)
            assert wanted is None or got == pytest.approx(wanted, abs=1e-6)


def test_coarser_points_are_sums() -> None:
    span = series.span(NOW // HOUR_MS * HOUR_MS, NOW // HOUR_MS * HOUR_MS + HOUR_MS, "5m", NOW)
    rows = np.ones((60, len(schema.PANE_FIELDS)), dtype=np.int64)
    assert series.columns(span, rows)["negative"] == [5] * 12


def test_csv_has_a_header_and_empty_cells() -> None:
    span = series.span(NOW - NOW % 10_000, NOW - NOW % 10_000 + 20_000, "10s", NOW)
    rows = np.zeros((2, len(schema.PANE_FIELDS)), dtype=np.int64)
    rows[1] = (1, 0, 0, -5_000, 25_000_000, 0, 0, 1)
    lines = series.table(series.columns(span, rows)).decode().split("\r\n")
    assert lines[0].startswith("t,negative,neutral,positive,mean_score,standard_error")
    assert lines[1] == f"{span.start_ms},0,0,0,,,0,0"
    assert lines[2] == f"{span.start_ms + 10_000},1,0,0,-0.5,,0,1"
    assert lines[3:] == [""]
