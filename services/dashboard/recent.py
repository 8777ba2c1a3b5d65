"""Answers that many readers need at once, kept for a moment. For any thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST: Final = 10_000


class Recent:
    """By key, what was found, for some seconds. What raises is not kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._clock, self._most = clock, most
        self._held: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, seconds: float, find: Callable[[], T]) -> T:
        """What `find` says, or said less than `seconds` ago. Two threads may ask it at once."""
        held = self.held(key)
        if held is not None:
            found: T = held
            return found
        found = find()
        self.keep(key, seconds, found)
        return found

    def held(self, key: Hashable) -> Any:
        """What is kept; None where there is nothing, or it is too old."""
        good_until_s, found = self._held.get(key, (0.0, None))
        return found if self._clock() < good_until_s else None

    def keep(self, key: Hashable, seconds: float, found: object) -> None:
        """Keep it for so long."""
        if len(self._held) >= self._most:
            self._held.clear()
        self._held[key] = (self._clock() + seconds, found)
