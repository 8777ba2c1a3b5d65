"""One topic's long window in words a rule understands: observed, expected, how surprising.

Tails are those of overdispersed counts: a window of `expected` that varies as
much as `sure` independent counts would is scaled to those (Beta for shares,
Gamma for volumes; the tails of binomial and Poisson counts are their integrals).
"""

from __future__ import annotations

from scipy import special

from services.alerts.detector_evidence import Evidence
from services.alerts.detector_kinds import HIGHEST_SHARE, Watch
from services.alerts.detector_state import Table
from services.alerts.detector_types import Finding

LOW, HIGH = 0.05, 0.95
_LEAST = 1e-9


def describe(kind: str, watch: Watch, table: Table, column: int) -> Finding | None:
    """The finding of the size of rise that speaks loudest; None where none has any evidence."""
    evidence = watch.evidence
    rare = evidence.per_week(table)[:, column]
    size = int(rare.argmin())
    if evidence.block(table, "sum")[size, column] <= 0:
        return None
    sums = {name: float(evidence.block(table, name)[size, column]) for name in Evidence.SUMS}
    if sums["exposure"] <= 0 or sums["expected"] <= 0:
        return None
    spread = sums["sure"] / sums["expected"]
    tail, low, high = (_share if watch.config.share else _volume)(sums, spread)
    observed, expected = sums["counted"], sums["expected"]
    if watch.config.share:
        observed, expected = observed / sums["exposure"], expected / sums["exposure"]
    if kind == "sentiment_drop":
        observed, expected, low, high = (1 - 2 * x for x in (observed, expected, high, low))
    return Finding(
        surprise=tail,
        per_week=float(rare[size]),
        agreed=bool(evidence.agree(table)[size, column]),
        observed=observed,
        expected=expected,
        low=low,
        high=high,
        posts=round(sums["posts"]),
        negative=round(sums["negative"]),
        since_ms=int(evidence.block(table, "since")[size, column]),
    )


def _share(sums: dict[str, float], spread: float) -> tuple[float, float, float]:
    """P(K >= counted) of N posts with the expected share; and its 5th and 95th percentile."""
    posts = sums["exposure"] * spread
    counted = min(sums["counted"] * spread, posts)
    share = min(sums["expected"] / sums["exposure"], HIGHEST_SHARE)
    tail = special.betainc(max(counted, _LEAST), posts - counted + 1.0, share)
    shape = max(posts * share, _LEAST), max(posts * (1 - share), _LEAST)
    low, high = (float(special.betaincinv(*shape, at)) for at in (LOW, HIGH))
    return float(tail), low, high


def _volume(sums: dict[str, float], spread: float) -> tuple[float, float, float]:
    """P(K >= counted) where `expected` are expected; and its 5th and 95th percentile."""
    mean = max(sums["expected"] * spread, _LEAST)
    tail = special.gammainc(max(sums["counted"] * spread, _LEAST), mean)
    low, high = (float(special.gammaincinv(mean, at)) / spread for at in (LOW, HIGH))
    return float(tail), low, high
