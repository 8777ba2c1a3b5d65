"""Answers that many readers need at once, kept for a moment. For any thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST: Final = 10_000


class Recent:
    """By key, what was found, for some seconds. What raises is not kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, seconds: float, find: Callable[[], T]) -> T:
        """What `find` says, or said less than `seconds` ago. Two threads may ask it at once."""
        good_until_s, held = self._held.get(key, (0.0, None))
        if self._clock() < good_until_s:
            found: T = held
            return found
        found = find()
        if len(self._held) >= MOST:
            self._held.clear()
        self._held[key] = (self._clock() + seconds, found)
        return found
