"""Topics whose every chance is known: what the detector's bench draws its minutes from.

Each topic has a rate and a share of negative posts of its own. Both follow the
hour (and the rate the weekday), drift, and vary from minute to minute; the rate
bursts; sources leave gaps. `turned` doubles the share from an onset on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
MINUTES_A_WEEK = 7 * 24 * 60
BURSTS_A_WEEK, BURST_MIN = 2.0, 30.0
GAPS_A_WEEK, GAP_MIN = 1.0, 40.0


@dataclass(frozen=True, slots=True)
class World:
    """How lively topics are; 0 everywhere is the textbook's case."""

    daily: float = 0.8
    """Amplitude of the rate's rhythm over the day, in logarithm."""
    weekly: float = 0.3
    """How much quieter weekends are, in logarithm."""
    share_daily: float = 0.15
    """Amplitude of the share's rhythm, in log-odds."""
    drift: float = 0.1
    """sd of both logarithms' random walk in a week."""
    bursts: float = BURSTS_A_WEEK
    """Bursts of the rate, 2 to 8 times as many posts for half an hour on average, a week."""
    restless: float = 0.01
    """Beta-Binomial correlation of the posts of a minute; and 1/10 of it lasts for an hour."""
    gaps: float = GAPS_A_WEEK


class Simulation:
    """Minutes of many topics, drawn one after the other."""

    def __init__(self, rates: Array, shares: Array, world: World, seed: int) -> None:
        """`rates`: posts a minute; `shares`: negative, 0..1; both `(topics,)`."""
        self.rates, self.shares, self.world = rates, shares, world
        self.rng = np.random.default_rng(seed)
        size = rates.size
        self.minute = 0
        self.phase = self.rng.uniform(0, 2 * np.pi, size)
        self.log_rate, self.log_odds = np.zeros(size), np.zeros(size)
        self.mood = np.zeros(size)
        self.burst_left, self.burst = np.zeros(size), np.ones(size)
        self.gap_left = np.zeros(size)
        self.calm_share = shares
        """The true share of the last minute, had there been no onset."""
        self.turned = np.ones(size)
        """What the share is multiplied by: 1, or 2 after an onset."""

    def _move(self) -> None:
        world, rng, size = self.world, self.rng, self.rates.size
        step = world.drift / np.sqrt(MINUTES_A_WEEK)
        self.log_rate += step * rng.standard_normal(size)
        self.log_odds += step * rng.standard_normal(size)
        hour = np.exp(-1 / 60)
        sd = np.sqrt(world.restless / 10)
        self.mood = self.mood * hour + sd * np.sqrt(1 - hour**2) * rng.standard_normal(size) * 2
        self.burst_left = np.maximum(self.burst_left - 1, 0)
        begins = rng.random(size) < world.bursts / MINUTES_A_WEEK
        self.burst_left[begins] = rng.exponential(BURST_MIN, int(begins.sum()))
        self.burst[begins] = np.exp(rng.uniform(np.log(2), np.log(8), int(begins.sum())))
        self.gap_left = np.maximum(self.gap_left - 1, 0)
        gaps = rng.random(size) < world.gaps / MINUTES_A_WEEK
        self.gap_left[gaps] = rng.exponential(GAP_MIN, int(gaps.sum()))

    def truth(self) -> tuple[Array, Array]:
        """Posts a minute and share of negative ones, before chance and onset: `(topics,)` each."""
        world = self.world
        turn = 2 * np.pi * self.minute / 1440
        weekend = (self.minute // 1440) % 7 >= 5
        log_rate = self.log_rate + world.daily * np.sin(turn + self.phase) - world.weekly * weekend
        rate = self.rates * np.exp(log_rate) * np.where(self.burst_left > 0, self.burst, 1.0)
        odds = (
            self.shares
            / (1 - self.shares)
            * np.exp(self.log_odds + world.share_daily * np.sin(turn + 2 * self.phase) + self.mood)
        )
        return rate, odds / (1 + odds)

    def step(self) -> tuple[Array, Array]:
        """The next minute: posts `(topics, 4)` as the detector takes them, and who was heard."""
        self._move()
        rate, self.calm_share = self.truth()
        share = np.minimum(self.turned * self.calm_share, 0.98)
        posts = self.rng.poisson(rate)
        if self.world.restless:
            size = 1 / self.world.restless - 1
            share = self.rng.beta(share * size, (1 - share) * size)
        negative = self.rng.binomial(posts, share)
        rest = posts - negative
        neutral = self.rng.binomial(rest, 0.4)
        score = -0.6 * negative + 0.6 * (rest - neutral)
        score = score + 0.2 * np.sqrt(posts) * self.rng.standard_normal(posts.size)
        self.minute += 1
        out = np.stack([negative, neutral, rest - neutral, np.rint(score * 10_000)], axis=1)
        heard = self.gap_left <= 0
        return out * heard[:, None], heard
