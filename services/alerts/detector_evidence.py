"""Evidence that a ratio has risen, gathered pane by pane, and how rare it is.

For each of a few sizes of rise, a CUSUM test (Page 1954): the log-likelihood
ratio of the rise against what is expected is summed, and starts anew whenever
it falls to zero. It counts posts, not minutes, so that one test serves 3 posts
an hour and 3,000 a minute; and its start is the onset. Two windows must agree:
the long one is all since that onset; the short one, the newest posts worth
`SHORT` nats of information, must speak for the rise as well.

How rare: excursions of such a sum reach h at a rate of A exp(-h) a week, where A
grows with the information a week holds (Siegmund 1985, ch. 2). Real topics
burst, so each topic's own excursions correct this: how many pass a moderate
height, and by how much on average (peaks over threshold). A single great
excursion teaches little: it is one, and its excess is cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.alerts.detector_state import Array, Flags, Table

MINUTES_A_WEEK = 7 * 24 * 60.0
SHORT = 3.0
"""Nats of information that the short window holds."""
BACK = 4.0
"""How far below its peak an excursion is over: nats (50 to 1 that all is as before), or mean
excesses where bursts are usual, though at half the peak in any case."""
CEILING = 16.0
"""Mean excesses above the reference height that a sum can hold (once in a million weeks):
what is long certain must not take as long to fade."""
START_RATE = 0.5
"""A per nat of information, and at most this per pane. By simulation: `bench_detector`."""
OFTEN = 7.0
"""Excursions a week that the reference height is meant to see: enough to learn from."""
LOWEST = 1.0
"""The least reference height, in nats: lower excursions are granular."""
EXCESS_CUT = 5.0
"""One peak teaches at most this many times the mean excess."""
TAIL = 1.15
"""Far excursions exceed what near ones foretell. By simulation."""
PRIOR_WEEKS = 1.0
"""What the theory's rate is worth, against the topic's own weeks."""
MEMORY_WEEKS = 5.0


@dataclass(frozen=True, slots=True)
class Rarity:
    """What is believed of a kind's excursions before any was seen."""

    several: float
    """By how much testing several sizes raises the rate of alarms. By simulation."""
    excess: float
    """Mean excess over the reference height, in nats; 1 where panes are independent."""
    peaks: float
    """How many excursions that belief is worth."""
    fades_h: float = np.inf
    """Time constant in which old evidence fades: a wander of days is no event ..."""
    fades_nats: float = np.inf
    """... but no sooner than this much information has come."""
    heavy: float = np.inf
    """Nats beyond which only the logarithm counts: bursts have power-law tails."""

    def level(self, nats: Array) -> Array:
        """Evidence on the scale on which its tail is exponential."""
        if np.isinf(self.heavy):
            return nats
        level: Array = self.heavy * np.log1p(nats / self.heavy)
        return level

    def nats(self, level: Array) -> Array:
        """The inverse of `level`."""
        if np.isinf(self.heavy):
            return level
        nats: Array = self.heavy * np.expm1(level / self.heavy)
        return nats


class Pane(NamedTuple):
    """One pane's evidence. `llr` and `info` (nats expected if the rise is real) are
    `(sizes, topics)`; the others `(topics,)`."""

    llr: Array
    info: Array
    counted: Array
    exposure: Array
    expected: Array
    sure: Array
    """Expected over its overdispersion: what it is worth, in independent counts."""
    posts: Array
    negative: Array


class Evidence:
    """The tests of one kind, for all topics, in blocks `PREFIX...` of a table."""

    SUMS = ("counted", "exposure", "expected", "sure", "posts", "negative")

    def __init__(self, prefix: str, sizes: int, rarity: Rarity) -> None:
        self._prefix, self._sizes, self._rarity = prefix, sizes, rarity

    def layout(self) -> dict[str, int]:
        names = ("sum", "peak", "short", "since", "rate", "weeks", "peaks", "excess", *self.SUMS)
        return {self._prefix + name: self._sizes for name in names}

    def block(self, table: Table, name: str) -> Array:
        """`(sizes, topics)`: a view."""
        return table[self._prefix + name]

    def step(self, table: Table, pane: Pane, start_ms: int, minutes: float, heard: Flags) -> None:
        """Add one pane; topics not HEARD keep their state."""
        total, peak = self.block(table, "sum"), self.block(table, "peak")
        self._extend(table, pane, start_ms, heard)
        height, _, excess = self._tail(table)
        ceiling = self._rarity.nats(height + CEILING * excess)
        moved = np.maximum(total, 0.0) * self._kept(pane, minutes) + pane.llr
        np.copyto(total, np.minimum(moved, ceiling), where=heard)
        np.maximum(peak, total, out=peak)
        over = heard & ((total <= 0) | self._back(total, peak, excess))
        self._learn_rate(table, pane.info, minutes, heard)
        self._learn_peaks(table, over)
        total[over] = 0.0
        peak[over] = 0.0

    def per_week(self, table: Table) -> Array:
        """How often a week a calm topic shows so much, `(sizes, topics)`, the others counted in."""
        level = self._rarity.level(self.block(table, "sum"))
        height, often, excess = self._tail(table)
        below = self.block(table, "rate") * np.exp(-level)
        above = often * np.exp(-(level - height) / (TAIL * excess))
        rare = np.where(level > height, above, np.maximum(below, often))
        return rare * self._rarity.several

    def agree(self, table: Table) -> Flags:
        """Where the short window speaks for the rise too, `(sizes, topics)`."""
        return self.block(table, "short") > 0

    def _extend(self, table: Table, pane: Pane, start_ms: int, heard: Flags) -> None:
        """The windows: the long one begins anew where there is no evidence, the short one moves."""
        begins = heard & (self.block(table, "sum") <= 0)
        for name in self.SUMS:
            block = self.block(table, name)
            block[begins] = 0.0
            block += np.where(heard, getattr(pane, name), 0.0)
        self.block(table, "since")[begins] = start_ms
        short = self.block(table, "short")
        np.copyto(short, short * np.exp(-pane.info / SHORT) + pane.llr, where=heard)

    def _kept(self, pane: Pane, minutes: float) -> Array | float:
        prior = self._rarity
        if np.isinf(prior.fades_h):
            return 1.0
        kept: Array = np.exp(
            -np.minimum(minutes / 60 / prior.fades_h, pane.info / prior.fades_nats)
        )
        return kept

    def _back(self, total: Array, peak: Array, excess: Array) -> Flags:
        """Where an excursion has fallen so far from its peak that it is over."""
        top = self._rarity.level(peak)
        fall = np.maximum(BACK, np.minimum(BACK * excess, top / 2))
        back: Flags = self._rarity.level(np.maximum(total, 0.0)) < top - fall
        return back

    def _tail(self, table: Table) -> tuple[Array, Array, Array]:
        """Reference height, excursions a week above it, and their mean excess."""
        prior, rate, peaks = self._rarity, self.block(table, "rate"), self.block(table, "peaks")
        height = np.maximum(LOWEST, np.log(np.maximum(rate, 1e-12) / OFTEN))
        theory = rate * np.exp(-height)
        often = (peaks + theory * PRIOR_WEEKS) / (self.block(table, "weeks") + PRIOR_WEEKS)
        excess = (self.block(table, "excess") + prior.peaks * prior.excess) / (peaks + prior.peaks)
        return height, np.maximum(often, 1e-12), excess

    def _learn_rate(self, table: Table, info: Array, minutes: float, heard: Flags) -> None:
        """A, a week: a mean over the weeks remembered. What was learnt of peaks fades with them."""
        rate, weeks = self.block(table, "rate"), self.block(table, "weeks")
        width = minutes / MINUTES_A_WEEK
        keep = np.where(heard, np.exp(-width / MEMORY_WEEKS), 1.0)
        for name in ("peaks", "excess", "weeks"):
            self.block(table, name)[:] *= keep
        np.copyto(weeks, weeks + width, where=heard)
        now = START_RATE * info / (1.0 + info) / width
        part = width / np.maximum(weeks, width)
        np.copyto(rate, rate + part * (now - rate), where=heard)

    def _learn_peaks(self, table: Table, over: Flags) -> None:
        """What has ended counts, where it passed the reference height."""
        peaks, excess = self.block(table, "peaks"), self.block(table, "excess")
        height, _, mean = self._tail(table)
        beyond = self._rarity.level(self.block(table, "peak")) - height
        passed = over & (beyond > 0)
        peaks[passed] += 1.0
        excess[passed] += np.minimum(beyond, EXCESS_CUT * mean)[passed]
