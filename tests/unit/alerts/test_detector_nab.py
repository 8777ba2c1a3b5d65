"""NAB's scoring rule, on cases that can be reckoned by hand."""

from __future__ import annotations

import math

import pytest

from tests.bench.nab_score import Labelled, normalised, score

ROWS = 2_000
SERIES = Labelled("a", list(range(ROWS)), [0.0] * ROWS, [(500, 599), (1_000, 1_099)])


def sigmoid(place: float) -> float:
    return 2 / (1 + math.exp(5 * place)) - 1


def test_silence_is_nought_and_perfection_a_hundred() -> None:
    assert normalised([score(SERIES, [])]) == 0
    assert normalised([score(SERIES, [500, 1_000])]) == pytest.approx(100)


def test_only_the_first_in_a_window_counts_and_later_is_less() -> None:
    middle = score(SERIES, [550, 551, 590])
    assert middle.found == (0.5, None)
    assert middle.false_positives == 0
    assert middle.raw == pytest.approx(sigmoid(-0.5) / sigmoid(-1) - 1)


def test_outside_costs_by_the_distance_from_the_window_before() -> None:
    assert score(SERIES, [400]).raw == pytest.approx(-2 - 0.11)
    near, far = score(SERIES, [609]), score(SERIES, [990])
    assert near.raw == pytest.approx(-2 + 0.11 * sigmoid(10 / 99))
    assert far.raw == pytest.approx(-2 - 0.11)
    assert (near.false_positives, far.false_positives) == (1, 1)


def test_the_beginning_is_not_scored() -> None:
    assert SERIES.probation == 300
    assert score(SERIES, range(300)).raw == score(SERIES, []).raw
    longer = Labelled("b", list(range(20_000)), [0.0] * 20_000, [])
    assert longer.probation == 750
