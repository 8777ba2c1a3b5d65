"""What is expected of a topic at this hour: a level times a rhythm, forgetting and held.

Everything is a ratio: something counted (negative posts, or their weight) over
its exposure (posts, or minutes). `level` follows drift; the rhythm of the day
multiplies it, that of the week multiplies both, each shrunk towards 1 by how
little was seen. What is not known yet is said too: `allowance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.alerts.detector_state import Array, Table

HOUR_MS = 3_600_000
DAY_H, WEEK_H = 24, 168
MONDAY_MS = 4 * 24 * HOUR_MS
"""1970 began on a Thursday: the first Monday was its fifth day."""


@dataclass(frozen=True, slots=True)
class Memory:
    """How a baseline learns. Counts are of what is counted, not of its exposure."""

    level_h: float
    """Time constant of the level in hours ..."""
    level_counts: float
    """... but no shorter than the time in which this many were counted."""
    weeks: bool
    """Learn a rhythm of the week too."""
    rhythm_sd: float
    """How far hours differ, as sd of the logarithm, before any rhythm is known."""
    prior: float = 0.0
    """The ratio expected of a topic that nothing is known of ..."""
    prior_counts: float = 0.0
    """... and what that is worth."""
    rhythm_days: float = 21.0
    """Time constant of both rhythms: visits of an hour of the week are its days."""
    shrink: float = 20.0
    """Counts of an hour's visits that weigh as much as the rhythm one knew before."""
    visit: float = 30.0
    """Counts that one visit of an hour is worth at most: days differ, however many posts."""


class Baseline:
    """Level and rhythm of one ratio, for all topics, in blocks `PREFIX...` of a table."""

    def __init__(self, prefix: str, memory: Memory) -> None:
        self._prefix, self._memory = prefix, memory

    def layout(self) -> dict[str, int]:
        rows = {"level": 3, "day": 2 * DAY_H} | ({"week": 2 * WEEK_H} if self._memory.weeks else {})
        return {self._prefix + name: count for name, count in rows.items()}

    def expected(self, table: Table, start_ms: int) -> tuple[Array, Array]:
        """Expected ratio, and the sd of its logarithm that is ignorance, both `(topics,)`."""
        memory = self._memory
        counted, exposure, _ = table[self._prefix + "level"]
        prior_exposure = memory.prior_counts / memory.prior if memory.prior else 0.0
        total = exposure + prior_exposure
        level = np.divide(
            counted + memory.prior_counts, total, out=np.zeros_like(total), where=total > 0
        )
        rhythm, unknown = self._rhythm(table, start_ms)
        known = 1.0 / np.maximum(counted + memory.prior_counts, 1.0)
        return level * rhythm, np.sqrt(known + memory.rhythm_sd**2 * unknown)

    def teach(
        self, table: Table, start_ms: int, hours: float, counted: Array, exposure: Array,
        weight: Array,
    ) -> None:  # fmt: skip
        """Learn one pane of HOURS, each topic by its WEIGHT (0: not at all)."""
        memory = self._memory
        rhythm, _ = self._rhythm(table, start_ms)
        held = table[self._prefix + "level"]
        level = np.divide(held[0], held[1], out=np.zeros_like(held[0]), where=held[1] > 0)
        pace = np.minimum(hours / memory.level_h, exposure * rhythm * level / memory.level_counts)
        keep = np.exp(-pace * weight)
        held *= keep
        held[0] += weight * counted
        held[1] += weight * exposure * rhythm
        held[2] += weight * hours
        self._teach_rhythm(table, start_ms, hours, counted, exposure, weight)

    def _teach_rhythm(
        self, table: Table, start_ms: int, hours: float, counted: Array, exposure: Array,
        weight: Array,
    ) -> None:  # fmt: skip
        memory = self._memory
        held = table[self._prefix + "level"]
        level = np.divide(held[0], held[1], out=np.zeros_like(held[0]), where=held[1] > 0)
        expected = exposure * level
        # An hour's visit counts for `visit` at most, and a day's worth is forgotten in it.
        a_visit = np.divide(held[0], held[2], out=np.zeros_like(level), where=held[2] > 0)
        scale = weight * np.minimum(1.0, memory.visit / np.maximum(a_visit, 1e-9))
        hour = (start_ms - MONDAY_MS) // HOUR_MS
        day = table[self._prefix + "day"]
        spot = hour % DAY_H
        keep = np.exp(-weight * hours / memory.rhythm_days)
        of_day = (day[spot] + memory.shrink) / (day[DAY_H + spot] + memory.shrink)
        _add(day, spot, DAY_H, keep, scale * counted, scale * expected)
        if memory.weeks:
            week = table[self._prefix + "week"]
            keep = np.exp(-weight * hours * 7 / memory.rhythm_days / 2)
            _add(week, hour % WEEK_H, WEEK_H, keep, scale * counted, scale * expected * of_day)

    def _rhythm(self, table: Table, start_ms: int) -> tuple[Array, Array]:
        """The factor at this time, between the middles of hours, and the share not yet known."""
        hour, rest_ms = divmod(start_ms - MONDAY_MS - HOUR_MS // 2, HOUR_MS)
        first, unknown_first = self._factor(table, hour)
        second, unknown_second = self._factor(table, hour + 1)
        part = rest_ms / HOUR_MS
        return (
            (1 - part) * first + part * second,
            (1 - part) * unknown_first + part * unknown_second,
        )

    def _factor(self, table: Table, hour: int) -> tuple[Array, Array]:
        shrink = self._memory.shrink
        day = table[self._prefix + "day"]
        counted, expected = day[hour % DAY_H], day[DAY_H + hour % DAY_H]
        factor = (counted + shrink) / (expected + shrink)
        unknown = shrink / (expected + shrink)
        if self._memory.weeks:
            week = table[self._prefix + "week"]
            counted, expected = week[hour % WEEK_H], week[WEEK_H + hour % WEEK_H]
            factor = factor * (counted + shrink) / (expected + shrink)
        return factor, unknown


def _add(block: Array, spot: int, width: int, keep: Array, counted: Array, expected: Array) -> None:
    block[spot] = block[spot] * keep + counted
    block[width + spot] = block[width + spot] * keep + expected
