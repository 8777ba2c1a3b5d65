"""The process's own metrics over the last minute: changes, rates, percentiles. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from prometheus_client import CollectorRegistry

KEPT_S = 60.0
"""What rates and percentiles look back on."""

Labels = tuple[str, ...]
"""A sample's label values, as its metric declares them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Every sample of a registry at one moment, by its name and labels."""

    at_s: float
    values: Mapping[str, Mapping[Labels, float]]

    @classmethod
    def take(cls, registry: CollectorRegistry, at_s: float) -> Frame:
        values: dict[str, dict[Labels, float]] = {}
        for metric in registry.collect():
            for sample in metric.samples:
                values.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
        return cls(at_s, values)


@dataclass(frozen=True, slots=True)
class Figures:
    """The newest frame, and the oldest of the last minute (itself, at first)."""

    new: Frame
    old: Frame

    def all(self, name: str) -> Mapping[Labels, float]:
        """Every sample of that name, by labels; empty where there is none."""
        return self.new.values.get(name, {})

    def value(self, name: str, *labels: str) -> float | None:
        return self.all(name).get(labels)

    def change(self, name: str, *labels: str) -> float:
        """How much a counter grew; one that fell began anew (Triton did)."""
        new = self.all(name).get(labels, 0.0)
        old = self.old.values.get(name, {}).get(labels, 0.0)
        return new if new < old else new - old

    def rate(self, name: str, *labels: str) -> float | None:
        """A second; None in the first moment."""
        seconds = self.new.at_s - self.old.at_s
        return self.change(name, *labels) / seconds if seconds > 0 else None

    def mean(self, histogram: str, *labels: str) -> float | None:
        """Of what a histogram without or with labels observed; None where that is nothing."""
        count = self.change(f"{histogram}_count", *labels)
        return self.change(f"{histogram}_sum", *labels) / count if count else None

    def buckets(self, histogram: str) -> list[tuple[float, float]]:
        """(upper bound, how many were at or below it), of a histogram without labels."""
        name = f"{histogram}_bucket"
        return sorted((float(bound), self.change(name, bound)) for (bound,) in self.all(name))


@dataclass(slots=True)
class Recorder:
    """Keeps a minute of frames."""

    registry: CollectorRegistry
    _frames: deque[Frame] = field(default_factory=deque)

    def take(self, at_s: float) -> Figures:
        """Look at the registry now; `at_s` is any clock that does not go back."""
        self._frames.append(Frame.take(self.registry, at_s))
        while self._frames[0].at_s < at_s - KEPT_S:
            self._frames.popleft()
        return Figures(self._frames[-1], self._frames[0])


def quantile(share: float, buckets: list[tuple[float, float]]) -> float | None:
    """The value that `share` of the observations don't exceed, as PromQL's histogram_quantile
    has it: linear within a bucket, the last finite bound for what lies beyond it."""
    if not buckets or buckets[-1][1] <= 0:
        return None
    wanted = share * buckets[-1][1]
    for (low, below), (high, count) in pairwise([(0.0, 0.0), *buckets]):
        if count >= wanted and count > below:
            if high == float("inf"):
                return low
            return low + (high - low) * (wanted - below) / (count - below)
    return buckets[-1][0]
