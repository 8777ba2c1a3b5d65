"""The arithmetic of sums."""

from __future__ import annotations

from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.store.reader import Sums, parse_pane


def sums_of(scores: list[int]) -> Sums:
    return Sums(positive=len(scores), sum=sum(scores), squares=sum(s * s for s in scores))


@given(st.lists(st.integers(-10_000, 10_000), min_size=2, max_size=200))
def test_mean_and_standard_error_are_those_of_the_scores(scores: list[int]) -> None:
    sums = sums_of(scores)
    values = [score / 10_000 for score in scores]
    assert sums.mean_score == pytest.approx(fmean(values), abs=1e-9)
    assert sums.standard_error == pytest.approx(stdev(values) / len(values) ** 0.5, abs=1e-9)


def test_few_posts_have_no_error_and_none_no_mean() -> None:
    assert Sums().mean_score is None
    assert sums_of([5_000]).mean_score == 0.5
    assert sums_of([5_000]).standard_error is None


def test_a_pane_reads_as_it_is_written() -> None:
    pane = parse_pane(b"1 2 3 -400 50000 6 7 8")
    assert pane == Sums(1, 2, 3, -400, 50_000, 6, 7, 8)
    assert (pane + pane).count == 12
