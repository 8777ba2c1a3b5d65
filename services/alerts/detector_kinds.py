"""The three kinds: what each counts, over what, and the likelihood of a rise.

Negative share: negative posts over posts, Beta-Binomial. Sentiment drop: the
posts' negativity (1 - score) / 2 over posts, likewise but with less variance
than counts have. Negative volume: negative posts over minutes, Gamma-Poisson.
Overdispersion divides the log-likelihood ratio (quasi-likelihood, McCullagh
1983): variances are right, and no tail is trusted that was not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.alerts.detector_baseline import Baseline, Memory
from services.alerts.detector_evidence import Evidence, Pane, Rarity
from services.alerts.detector_state import Array, Flags, Table

HIGHEST_SHARE = 0.95
DAY_MS = 86_400_000
LEAST_TAUGHT = 0.02
"""Weight of a pane in the middle of something very rare."""


class Step(NamedTuple):
    """One pane of all topics: its time, its length, and who was heard."""

    start_ms: int
    minutes: float
    heard: Flags
    held: Flags


class Seen(NamedTuple):
    """What a pane holds, `(topics,)` each: what is counted, over what, and the posts."""

    counted: Array
    exposure: Array
    posts: Array
    negative: Array


@dataclass(frozen=True, slots=True)
class KindConfig:
    memory: Memory
    rises: tuple[float, ...]
    """Sizes of rise that are tested: logarithms of the odds (shares), of the ratio (volume)."""
    dispersion: float
    """Expected before any is learnt."""
    rarity: Rarity
    share: bool = True
    variance: float = 1.0
    """Of one post, against that of a yes or no with the same mean; learnt if under 1."""
    saturation: float = np.inf
    """Nats beyond which one pane's evidence counts only by its logarithm."""
    least_exposure: float = 20.0
    least_hours: float = 1.0
    """Posts (minutes, for volume) and hours to have seen before anything is said."""


class Dispersion:
    """How much more a pane varies than chance: variance = base (d + x r), by moments.

    For shares x is the posts less one, for volume what is expected. Each pane
    weighs by how well it tells r; one that is far out is cut.
    """

    CUT = 16.0
    PRIOR_PANES = 10.0
    MEMORY_H = 14 * 24.0

    def __init__(self, prefix: str, config: KindConfig) -> None:
        self._name, self._config = prefix + "dispersion", config

    def layout(self) -> dict[str, int]:
        return {self._name: 5}

    def known(self, table: Table) -> tuple[Array, Array]:
        """d and r, `(topics,)`."""
        prior = self._config.dispersion
        weight, x, xx, q, xq = table[self._name]
        strength = self.PRIOR_PANES / prior**2
        d = np.full(weight.shape, self._config.variance)
        r = np.maximum((xq - d * x + strength * prior) / (xx + strength), 0.0)
        if self._config.variance < 1.0:
            d = (q - r * x + 20.0 * d) / (weight + 20.0)
            d = np.clip(d, 0.1, 1.5)
            r = np.maximum((xq - d * x + strength * prior) / (xx + strength), 0.0)
        return d, r

    def teach(
        self, table: Table, hours: float, off: Array, base: Array, x: Array, weight: Array
    ) -> None:
        """`off`: counted less expected; `base`: the variance that chance alone gives."""
        d, r = self.known(table)
        seen = (base > 0) & (weight > 0)
        safe = np.where(seen, base, 1.0)
        q = np.minimum(off * off / safe, self.CUT * (d + x * r) + 4.0 / safe)
        w = np.where(seen, weight / (1.0 + x * self._config.dispersion) ** 2, 0.0)
        sums = table[self._name]
        sums *= np.exp(-weight * hours / self.MEMORY_H)
        for row, value in enumerate((w, w * x, w * x * x, w * q, w * x * q)):
            sums[row] += value


class Watch:
    """One kind over all topics: baseline, dispersion and evidence, and how they meet."""

    def __init__(self, name: str, config: KindConfig) -> None:
        self.config = config
        self.baseline = Baseline(name + ".", config.memory)
        self.dispersion = Dispersion(name + ".", config)
        self.evidence = Evidence(name + ".", len(config.rises), config.rarity)
        self._level = name + ".level"

    def layout(self) -> dict[str, int]:
        return self.baseline.layout() | self.dispersion.layout() | self.evidence.layout()

    def cold(self, table: Table) -> Flags:
        """Topics of which too little was seen to say anything, `(topics,)`."""
        _, exposure, hours = table[self._level]
        cold: Flags = (exposure < self.config.least_exposure) | (hours < self.config.least_hours)
        return cold

    def step(self, table: Table, step: Step, seen: Seen) -> None:
        """Judge one pane, then learn from it."""
        hours = step.minutes / 60
        ratio, unsure = self.baseline.expected(table, step.start_ms)
        ready = step.heard & ~self.cold(table)
        pane = self._pane(ratio, unsure, seen, self.dispersion.known(table))
        self.evidence.step(table, pane, step.start_ms, step.minutes, ready)
        weight = np.where(step.heard, self._weight(table, step), 0.0)
        base, x = self._variance(ratio, seen.exposure)
        off = seen.counted - ratio * seen.exposure
        self.dispersion.teach(table, hours, off, base, x, np.where(ready, weight, 0.0))
        self.baseline.teach(table, step.start_ms, hours, seen.counted, seen.exposure, weight)

    def _variance(self, ratio: Array, exposure: Array) -> tuple[Array, Array]:
        """The variance of chance alone, and the x of `Dispersion`."""
        if self.config.share:
            share = np.minimum(ratio, HIGHEST_SHARE)
            return exposure * share * (1 - share), np.maximum(exposure - 1, 0)
        return ratio * exposure, ratio * exposure

    def _pane(self, ratio: Array, unsure: Array, seen: Seen, spread: tuple[Array, Array]) -> Pane:
        """Against the upper end of what may be expected: ignorance never raises an alarm."""
        rise = np.array(self.config.rises)[:, None]
        counted, exposure = seen.counted, seen.exposure
        upper = ratio * np.exp(unsure)
        d, r = spread
        if self.config.share:
            share = np.minimum(upper, HIGHEST_SHARE)
            norm = np.log1p(share * np.expm1(rise))
            raised = share * np.exp(rise - norm)
            divisor = d + np.maximum(exposure - 1, 0) * r
            llr = (counted * rise - exposure * norm) / divisor
            info = exposure * (raised * rise - norm) / divisor
        else:
            mean = upper * exposure
            divisor = d + mean * r
            llr = (counted * rise - mean * np.expm1(rise)) / divisor
            info = mean * (rise * np.exp(rise) - np.expm1(rise)) / divisor
        if np.isfinite(limit := self.config.saturation):
            llr = np.where(llr > 0, limit * np.log1p(np.maximum(llr, 0) / limit), llr)
        expected = ratio * exposure
        return Pane(
            llr, info, counted, exposure, expected, expected / divisor, seen.posts, seen.negative
        )

    def _weight(self, table: Table, step: Step) -> Array:
        """What is rare teaches little, unless it lasts for days: then it is how things are."""
        rare = self.evidence.per_week(table)
        spot = np.argmin(rare, axis=0)[None, :]
        since = np.take_along_axis(self.evidence.block(table, "since"), spot, axis=0)[0]
        rarest = np.take_along_axis(rare, spot, axis=0)[0]
        least = np.clip(LEAST_TAUGHT + (step.start_ms - since) / DAY_MS / 10, LEAST_TAUGHT, 0.3)
        weight = np.maximum(np.minimum(rarest, 1.0), least)
        taught: Array = np.where(step.held, np.minimum(weight, least), weight)
        # Of a cold topic no evidence was gathered yet: nothing is rare, all is new.
        return np.where(self.cold(table), 1.0, taught)
