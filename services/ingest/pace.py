"""A replay at the pace of its posts, or a multiple of it."""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """Real time, sped up, from the first item on."""

    def __init__(self, speed: float | None, clock: Callable[[], float]) -> None:
        """`speed` of None: as fast as it goes. `clock` in seconds."""
        self._speed, self._clock = speed, clock
        self._started: tuple[int, float] | None = None

    def due(self, time_ms: int | None) -> bool:
        """Whether it has come as far as this moment of event time."""
        if self._speed is None or time_ms is None:
            return True
        if self._started is None:
            self._started = time_ms, self._clock()
        begun_ms, begun_s = self._started
        return time_ms - begun_ms <= (self._clock() - begun_s) * 1000 * self._speed
