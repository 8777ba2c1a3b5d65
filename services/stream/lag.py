"""How far a consumer is behind, as metrics: of the partitions that it holds, and no others."""

from __future__ import annotations

from collections.abc import Mapping

from services import metrics


class LagGauge:
    """The lag of one consumer of a group. What is another's now is not ours to report."""

    def __init__(self, stream: str, group: str) -> None:
        self._stream, self._group = stream, group
        self._shown: set[int] = set()

    def show(self, behind: Mapping[int, int]) -> None:
        """Per partition that is held, how many records are not yet polled."""
        for partition in self._shown - set(behind):
            metrics.LAG.remove(self._stream, self._group, str(partition))
        for partition, records in behind.items():
            gauge = metrics.LAG.labels(self._stream, self._group, str(partition))
            gauge.set(max(0, records))
        self._shown = set(behind)
