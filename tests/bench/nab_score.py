"""The Numenta Anomaly Benchmark's scoring rule (standard profile), written from its publication.

Lavin and Ahmad 2015, "Evaluating Real-time Anomaly Detection Algorithms", and
the rule's text in NAB's repository: within a labelled window only the first
detection counts, by a scaled sigmoid of its place, 1 at the window's beginning
falling to 0 at its end; a window without one costs 1. Each detection outside
costs 0.11 times a sigmoid of its distance from the window before it, all of it
where there is none. The first 15 % of rows (of 5,000 at most) are not scored.
A sum over all series is scaled so that silence is 0 and perfection 100.
"""

from __future__ import annotations

import bisect
import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FALSE_POSITIVE, MISS = 0.11, 1.0
PROBATION, PROBATION_OF = 0.15, 5_000
FAR = 3.0
DATA = Path(__file__).parents[3] / "shared" / "data" / "nab"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series with its windows as pairs of first and last row."""

    name: str
    times_ms: list[int]
    values: list[float]
    windows: list[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Rows at the beginning that are not scored."""
        return math.floor(PROBATION * min(len(self.values), PROBATION_OF))


@dataclass(frozen=True, slots=True)
class Score:
    """Of one series: the raw sum, false-positive rows, and where in its window each was found."""

    raw: float
    false_positives: int
    found: tuple[float | None, ...]


def sigmoid(place: float) -> float:
    """1 far before 0, -1 far behind it."""
    return 2 / (1 + math.exp(5 * place)) - 1 if place <= FAR else -1.0


def score(series: Labelled, alerts: Iterable[int]) -> Score:
    """Score the rows that were ALERTS."""
    left = {row for row in alerts if row >= series.probation}
    raw, found = 0.0, []
    for first, last in series.windows:
        inside = sorted(row for row in left if first <= row <= last)
        left.difference_update(inside)
        if not inside:
            raw -= MISS
            found.append(None)
            continue
        width = last - first + 1
        raw += sigmoid(-(last - inside[0] + 1) / width) / sigmoid(-1.0)
        found.append((inside[0] - first) / width)
    for row in left:
        passed = [window for window in series.windows if window[1] < row]
        if not passed:
            raw -= FALSE_POSITIVE
            continue
        first, last = passed[-1]
        raw += FALSE_POSITIVE * sigmoid((row - last) / (last - first))
    return Score(raw, len(left), tuple(found))


def normalised(scores: Sequence[Score]) -> float:
    """The benchmark's score of some series together: 0 for silence, 100 for perfection."""
    windows = sum(len(one.found) for one in scores)
    return 100 * (sum(one.raw for one in scores) + MISS * windows) / ((1 + MISS) * windows)


def load(folder: Path = DATA) -> list[Labelled]:
    """Every series of the folder; empty where there is none."""
    labels = folder / "windows.json"
    if not labels.is_file():
        return []
    windows = json.loads(labels.read_text("utf-8"))
    return [_load(folder / name, windows[name]) for name in sorted(windows)]


def _load(path: Path, windows: list[list[str]]) -> Labelled:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    times = [_ms(row["timestamp"]) for row in rows]
    places = [
        (bisect.bisect_left(times, _ms(first)), bisect.bisect_right(times, _ms(last)) - 1)
        for first, last in windows
    ]
    name = path.stem.removeprefix("Twitter_volume_")
    return Labelled(name, times, [float(row["value"]) for row in rows], places)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
