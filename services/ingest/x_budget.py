"""What reading X costs: counted across restarts, warned of at 80 %, stopped at 100 %.

X charges for every post that it delivers, through the stream and through search
alike. The count is kept per calendar month (UTC) by a meter outside this
process, so that neither a restart nor a second worker forgets what was spent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)

WARN_AT = 0.8
Meter = Callable[[str, int], int]
"""Adds a number of posts to a month ("2026-11") and returns the month's sum."""


@dataclass(slots=True)
class Budget:
    """`price` and `cap` in one currency: for one post, and for one month."""

    price: float
    cap: float
    meter: Meter
    clock_ms: Callable[[], int]
    _warned: str = ""

    def spent(self, posts: int = 0) -> float:
        """Count what was just delivered; the share of the month's cap that is used up."""
        month = self._now().strftime("%Y-%m")
        total = self.meter(month, posts)
        share = round(total * self.price / self.cap, 9) if self.cap else float("inf")
        if share >= WARN_AT and self._warned != month:
            self._warned = month
            used = f"{100 * share:.0f} % of the monthly cap of {self.cap:.2f}"
            log.warning("X: %d posts read in %s, %s; reading stops at 100 %%", total, month, used)
        return share

    def next_month_s(self) -> float:
        """Seconds until there is a fresh budget."""
        now = self._now()
        first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return ((first + timedelta(days=32)).replace(day=1) - now).total_seconds()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock_ms() / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a query would bring in a month of 30 days, from its last seven."""

    topic: str
    posts: int
    cost: float

    @classmethod
    def of(cls, topic: str, posts_in_week: int, price: float) -> Estimate:
        posts = round(posts_in_week / 7 * 30)
        return cls(topic, posts, round(posts * price, 2))
