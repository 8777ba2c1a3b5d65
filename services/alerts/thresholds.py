"""Plain thresholds: sums over a window of minutes, for all topics at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from services.alerts.detector_types import MINUTE_MS, Minute
from services.records import SCORE_UNIT
from services.topics.rules import Rule

PARTS = 4
"""As `Minute` has them: negative, neutral, positive, sum of scores."""


class Rolling:
    """Sums of the last `minutes` minutes of some topics."""

    def __init__(self, topics: Sequence[str], minutes: int) -> None:
        self._place = {topic: number for number, topic in enumerate(topics)}
        self._ring = np.zeros((minutes, len(topics), PARTS), np.int32)
        self._sums = np.zeros((len(topics), PARTS), np.int64)
        self._last_ms = 0

    def step(self, end_ms: int, panes: Mapping[str, Minute]) -> None:
        """A minute has closed; those that were skipped had nothing."""
        skipped = (end_ms - self._last_ms) // MINUTE_MS - 1 if self._last_ms else 0
        if skipped >= len(self._ring):
            self._ring[:] = 0
            self._sums[:] = 0
        else:
            for number in range(skipped, 0, -1):
                self._move(end_ms - number * MINUTE_MS, {})
        self._move(end_ms, panes)
        self._last_ms = end_ms

    def _move(self, end_ms: int, panes: Mapping[str, Minute]) -> None:
        slot = self._ring[end_ms // MINUTE_MS % len(self._ring)]
        self._sums -= slot
        slot[:] = 0
        known = [(self._place[t], minute) for t, minute in panes.items() if t in self._place]
        if known:
            places, minutes = zip(*known, strict=True)
            slot[list(places)] = np.array(minutes, np.int64)
        self._sums += slot

    def of(self, topic: str) -> Minute:
        """The window's sums."""
        return Minute(*map(int, self._sums[self._place[topic]]))

    def beyond(self, rule: Rule, limit: float) -> np.ndarray:
        """Per topic, whether the rule's measure is beyond `limit`."""
        with np.errstate(invalid="ignore", divide="ignore"):
            values = self._values(rule.measure)
            past = values > limit if rule.above is not None else values < limit
        enough = self._sums[:, :3].sum(1) >= least_posts(rule)
        return np.asarray(past & enough)

    def _values(self, measure: str) -> np.ndarray:
        posts: np.ndarray = self._sums[:, :3].sum(1)
        if measure == "posts":
            return posts
        if measure == "negative_volume":
            return self._sums[:, 0]
        part = self._sums[:, 0] if measure == "negative_share" else self._sums[:, 3] / SCORE_UNIT
        return np.asarray(part / posts)  # NaN without posts: beyond nothing

    @property
    def topics(self) -> list[str]:
        return list(self._place)


def least_posts(rule: Rule) -> int:
    """Counts speak for themselves; shares and means need posts."""
    return rule.minimum_posts if rule.measure in ("negative_share", "mean_score") else 0


def measured(rule: Rule, window: Minute) -> float | None:
    """The rule's measure of a window; None where there is none."""
    posts = window.negative + window.neutral + window.positive
    if rule.measure == "posts":
        return float(posts)
    if rule.measure == "negative_volume":
        return float(window.negative)
    if not posts:
        return None
    if rule.measure == "negative_share":
        return window.negative / posts
    return window.sum / posts / SCORE_UNIT


class Thresholds:
    """The windows that the thresholds of a rule set look at."""

    def __init__(self, rules: Mapping[str, Sequence[Rule]]) -> None:
        self.rules: dict[Rule, list[str]] = {}
        """Each distinct threshold, with the topics that have it."""
        for topic, given in rules.items():
            for rule in given:
                if rule.kind == "threshold":
                    self.rules.setdefault(rule, []).append(topic)
        self._windows: dict[int, Rolling] = {}
        for window_ms in {rule.window_ms for rule in self.rules}:
            named = {
                t for rule, ts in self.rules.items() if rule.window_ms == window_ms for t in ts
            }
            self._windows[window_ms] = Rolling(sorted(named), window_ms // MINUTE_MS)

    @property
    def longest_ms(self) -> int:
        """How far back the windows reach."""
        return max(self._windows, default=0)

    def step(self, end_ms: int, panes: Mapping[str, Minute]) -> None:
        for window in self._windows.values():
            window.step(end_ms, panes)

    def window(self, topic: str, rule: Rule) -> Minute:
        return self._windows[rule.window_ms].of(topic)

    def candidates(self, rule: Rule) -> list[str]:
        """Topics of the rule that are beyond its limit now."""
        limit = rule.above if rule.above is not None else rule.below
        assert limit is not None
        rolling = self._windows[rule.window_ms]
        past = rolling.beyond(rule, limit)
        if not past.any():
            return []
        wanted = set(self.rules[rule])
        return [t for t, there in zip(rolling.topics, past, strict=True) if there and t in wanted]
