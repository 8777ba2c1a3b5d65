"""PromQL that several panels need, over the interval that suits the time shown."""

from __future__ import annotations

from typing import Final

RATE: Final = "$__rate_interval"


def rate(counter: str) -> str:
    return f"rate({counter}[{RATE}])"


def quantile(share: float, histogram: str = "undertone_scored_seconds", by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) ({rate(histogram + '_bucket')}))"


def mean(histogram: str, by: str = "") -> str:
    over = f"sum by ({by})" if by else "sum"
    return f"{over} ({rate(histogram + '_sum')}) / {over} ({rate(histogram + '_count')})"


def triton(of: str, by: str) -> str:
    """A ratio of Triton's own counts; every worker tells the same ones, so the largest counts."""

    def speed(what: str) -> str:
        return f'max by (model) (rate(undertone_triton_requests{{what="{what}"}}[{RATE}]))'

    return f"{speed(of)} / {speed(by)}"


def spent(phase: str) -> str:
    """Seconds of a phase, a request."""
    spent = f'max by (model) (rate(undertone_triton_seconds{{phase="{phase}"}}[{RATE}]))'
    requests = f'max by (model) (rate(undertone_triton_requests{{what="requests"}}[{RATE}]))'
    return f"{spent} / {requests}"
