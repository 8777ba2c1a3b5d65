"""One series of counts, row by row: the volume detector alone, for panes of any width."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.alerts.detector_config import SERIES
from services.alerts.detector_kinds import KindConfig, Seen, Step, Watch
from services.alerts.detector_state import Table

PER_WEEK = 0.01
"""The sensitivity if none is given: false alarms a week, one in two years."""
REARM = 10.0
"""An event is over when what is left of it is this many times less rare than what alerts."""
COOL_DOWN_MS = 12 * 3_600_000
"""Least time between two alerts: the tremors after an event belong to it."""
TOLD = 0.5
"""Score of what alerts. While an event is on that was told, scores are halved: it is not new."""


class Point(NamedTuple):
    expected: float
    score: float
    """0..1; `TOLD` and above is an alert."""
    alert: bool


class Series:
    """Feed it counts in order of time; each answer uses nothing of what comes later."""

    def __init__(self, per_week: float = PER_WEEK, config: KindConfig = SERIES) -> None:
        self._per_week = per_week
        self._watch = Watch("series.", config)
        self._table = Table(self._watch.layout())
        self._table.append()
        self._on = False
        self._alerted_ms: int | None = None

    def next(self, start_ms: int, minutes: float, value: float) -> Point:
        """The pane [start_ms, start_ms + minutes) held VALUE posts."""
        ratio, _ = self._watch.baseline.expected(self._table, start_ms)
        count, one = np.array([value]), np.ones(1)
        heard, held = np.ones(1, np.bool_), np.zeros(1, np.bool_)
        step = Step(start_ms, minutes, heard, held)
        self._watch.step(self._table, step, Seen(count, one * minutes, count, count))
        expected = float(ratio[0]) * minutes
        if self._watch.cold(self._table)[0]:
            return Point(expected, 0.0, False)
        return self._judge(start_ms, expected)

    def _judge(self, at_ms: int, expected: float) -> Point:
        evidence = self._watch.evidence
        rare = evidence.per_week(self._table)[:, 0]
        agreed = float(np.where(evidence.agree(self._table)[:, 0], rare, np.inf).min())
        if self._on and rare.min() > REARM * self._per_week:
            self._on = False
        cooling = self._alerted_ms is not None and at_ms - self._alerted_ms < COOL_DOWN_MS
        score = 1.0 / (1.0 + agreed / self._per_week)
        if self._on or cooling:
            return Point(expected, score / 2 * (1 - 1e-9), False)
        if score < TOLD:
            return Point(expected, score, False)
        self._on, self._alerted_ms = True, at_ms
        return Point(expected, score, True)
