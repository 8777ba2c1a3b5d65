"""Detectors of count series that were compared: each gives a score for every row, none looks ahead.

Higher is more surprising; units differ, thresholds are chosen from each one's grid.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from services.alerts.detector_config import SERIES
from services.alerts.detector_kinds import KindConfig, Seen, Step, Watch
from services.alerts.detector_state import Table
from tests.bench.nab_score import Labelled

MINUTES = 5.0
Scores = tuple[list[float], list[float]]
"""Per row: the score that may open an alert, and the score that keeps it open."""


@dataclass(frozen=True, slots=True)
class Method:
    name: str
    run: Callable[[Labelled], Scores]
    thresholds: tuple[float, ...]
    rearm: float
    """What the score must fall under, as a part of the threshold, before the next alert."""


def sequential(config: KindConfig = SERIES) -> Callable[[Labelled], Scores]:
    """What ships: CUSUM evidence on a seasonal Gamma-Poisson baseline, calibrated by its peaks.

    Scores are weeks between false alarms.
    """

    def run(series: Labelled) -> Scores:
        watch = Watch("series.", config)
        table = Table(watch.layout())
        table.append()
        opens, keeps = [], []
        for at_ms, value in zip(series.times_ms, series.values, strict=True):
            _step(watch, table, at_ms, value)
            rare = watch.evidence.per_week(table)[:, 0]
            agreed = np.where(watch.evidence.agree(table)[:, 0], rare, np.inf).min()
            cold = bool(watch.cold(table)[0])
            opens.append(0.0 if cold else 1.0 / float(agreed))
            keeps.append(0.0 if cold else 1.0 / float(rare.min()))
        return opens, keeps

    return run


def gamma_poisson(series: Labelled) -> Scores:
    """The same baseline and dispersion, but each pane for itself: -log10 of its upper tail."""
    watch = Watch("series.", SERIES)
    table = Table(watch.layout())
    table.append()
    scores = []
    for at_ms, value in zip(series.times_ms, series.values, strict=True):
        ratio, unsure = watch.baseline.expected(table, at_ms)
        mean = max(float((ratio * np.exp(unsure))[0]) * MINUTES, 1e-6)
        spread = max(float(watch.dispersion.known(table)[1][0]), 1e-3)
        cold = bool(watch.cold(table)[0])
        _step(watch, table, at_ms, value)
        # Negative binomial: P(K >= value) is an incomplete beta integral.
        tail = special.betainc(max(value, 1e-9), 1 / spread, mean * spread / (1 + mean * spread))
        scores.append(0.0 if cold else -math.log10(max(float(tail), 1e-300)))
    return scores, scores


def robust_ewma(series: Labelled) -> Scores:
    """Log counts less an exponential mean of the hour of day, in robust standard deviations."""
    level = np.full(24, np.nan)
    spread, scores = 0.5, []
    for at_ms, value in zip(series.times_ms, series.values, strict=True):
        hour = at_ms // 3_600_000 % 24
        log = math.log1p(value)
        if np.isnan(level[hour]):
            level[hour] = log
        off = log - level[hour]
        scores.append(off / spread)
        cut = max(-3 * spread, min(3 * spread, off))
        level[hour] += 0.02 * cut
        spread += 0.001 * (1.4826 * min(abs(off), 3 * spread) - spread)
    return scores, scores


def nearest_neighbours(series: Labelled, length: int = 12, memory: int = 2_016) -> Scores:
    """Distance of the last hour to its nearest hours of the week before, as a conformal rank."""
    logs = np.log1p(np.array(series.values))
    past = np.zeros((memory, length))
    seen: deque[float] = deque(maxlen=memory)
    scores = []
    for row in range(logs.size):
        if row < 2 * length:
            scores.append(0.0)
            continue
        held = min(row - length, memory)
        window = logs[row - length + 1 : row + 1]
        distances = np.sqrt(((past[:held] - window) ** 2).sum(axis=1))
        nearest = float(np.partition(distances, min(10, held - 1))[: min(10, held)].mean())
        rank = sum(other >= nearest for other in seen) + 1
        scores.append(-math.log10(rank / (len(seen) + 1)) * (1 + nearest))
        seen.append(nearest)
        past[row % memory if row >= memory else held - 1] = logs[row - length : row]
    return scores, scores


def _step(watch: Watch, table: Table, at_ms: int, value: float) -> None:
    count, minutes = np.array([value]), np.array([MINUTES])
    heard, held = np.ones(1, np.bool_), np.zeros(1, np.bool_)
    watch.step(table, Step(at_ms, MINUTES, heard, held), Seen(count, minutes, count, count))


METHODS = (
    Method("Undertone: sequential Gamma-Poisson evidence", sequential(),
           tuple(1 / x for x in (0.3, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005)), 0.1),
    Method("Gamma-Poisson tail of single panes", gamma_poisson, (3, 4, 5, 6, 8, 10, 14, 20), 0.5),
    Method("Robust EWMA by hour of day", robust_ewma, (3, 4, 5, 6, 7, 8, 10, 12), 0.5),
    Method("Sliding-window nearest neighbours", nearest_neighbours,
           (3, 5, 8, 10, 14, 18, 22), 0.3),
)  # fmt: skip
