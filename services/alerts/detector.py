"""The detector: one step a minute, for all topics of a namespace at once (numpy over topics).

Pure: no clock, no store, no chance. The same minutes give the same findings.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from services.alerts.detector_types import KINDS, Finding, Kind, Minute

__all__ = ["KINDS", "Bank", "Config", "Finding", "Kind", "Minute"]


@dataclass(frozen=True, slots=True)
class Config:
    """Chosen once for all topics; users set sensitivity in their rules instead."""


class Bank:
    """The state of every topic of one namespace, and what it says."""

    def __init__(self, config: Config = Config()) -> None:  # noqa: B008 (frozen)
        raise NotImplementedError

    def add(self, topic: str, state: bytes | None = None) -> None:
        """Follow TOPIC from now on: cold, or from what `dump` gave."""
        raise NotImplementedError

    def remove(self, topic: str) -> None:
        """Forget TOPIC. `KeyError` for one that is not followed."""
        raise NotImplementedError

    def step(self, end_ms: int, panes: Mapping[str, Minute], missing: Container[str] = ()) -> None:
        """The minute [end_ms - 60 s, end_ms) has closed.

        Topics absent from `panes` had no posts. Those in `missing` had a source
        gap: they are neither judged nor taught. Minutes may be skipped (nobody
        looked): that counts as missing for all. `ValueError` where `end_ms` is
        not a whole minute after the last one.
        """
        raise NotImplementedError

    def finding(self, topic: str, kind: str) -> Finding | None:
        """What KIND says of TOPIC now; None while too little is known, or nothing is unusual."""
        raise NotImplementedError

    def candidates(self, kind: str, per_week: float) -> list[str]:
        """Topics whose finding is at or under `per_week`, in the order they were added."""
        raise NotImplementedError

    def hold(self, topic: str, held: bool) -> None:
        """An alert is open (`held`): teach the baseline slowly until it is resolved."""
        raise NotImplementedError

    def dump(self, topic: str) -> bytes:
        """All that is known of TOPIC: `add` with it goes on as if nothing had happened."""
        raise NotImplementedError
