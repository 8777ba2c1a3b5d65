"""Manners and memory of the media fetcher: how often a host is asked, and what is not asked again.

Pure bookkeeping with an injected clock (seconds, monotonic); both classes are
bounded, since the URLs and hosts they remember are chosen by strangers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

Clock = Callable[[], float]
HOSTS = 4096


@dataclass(slots=True)
class _Host:
    next_s: float = -inf
    """The theoretical arrival time of the generic cell rate algorithm (ITU-T I.371)."""
    failures: int = 0
    """Failures to answer, in a row."""
    closed_until_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HostLimits:
    """How one host is treated: `per_s` requests a second, `burst` of them at once.

    After `failures` answers missed in a row, it is left alone for `rest_s`.
    """

    per_s: float = 50.0
    burst: int = 50
    failures: int = 8
    rest_s: float = 60.0


class Hosts:
    """The request budget of every host met lately."""

    def __init__(self, limits: HostLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def _host(self, name: str) -> _Host:
        host = self._hosts.setdefault(name, _Host())
        self._hosts.move_to_end(name)
        if len(self._hosts) > HOSTS:
            self._hosts.popitem(last=False)
        return host

    def rests(self, name: str) -> bool:
        """Whether the host is left alone for now."""
        return self._host(name).closed_until_s > self._clock()

    def reserve(self, name: str, most_s: float) -> float | None:
        """Take the next place in the host's budget: seconds to wait before asking it.

        None, and no place taken, where that would be more than `most_s`.
        """
        host, now, gap = self._host(name), self._clock(), 1.0 / self._limits.per_s
        place_s = max(host.next_s, now - gap * (self._limits.burst - 1))
        if place_s - now > most_s:
            return None
        host.next_s = place_s + gap
        return max(0.0, place_s - now)

    def answered(self, name: str) -> None:
        """It gave an answer, of whatever kind."""
        self._host(name).failures = 0

    def missed(self, name: str) -> None:
        """It gave no answer in time, or none at all."""
        host = self._host(name)
        host.failures += 1
        if host.failures >= self._limits.failures:
            host.closed_until_s = self._clock() + self._limits.rest_s

    def hold(self, name: str, seconds: float) -> None:
        """It asked to be left alone (`Retry-After`): for a minute at most on its word."""
        host = self._host(name)
        host.closed_until_s = max(
            host.closed_until_s, self._clock() + min(seconds, self._limits.rest_s)
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """A normalised JPEG, or the reason why there is none."""

    jpeg: bytes | None = None
    reason: str = ""


class Recent:
    """What fetching a URL came to, for a while: a picture of reposts, a failure not repeated."""

    def __init__(
        self,
        clock: Clock,
        max_bytes: int = 32 << 20,
        kept_s: float = 600.0,
        failed_s: float = 3600.0,
        temporary_s: float = 60.0,
    ) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._kept_s, self._failed_s, self._temporary_s = kept_s, failed_s, temporary_s
        self._entries: OrderedDict[str, tuple[Fetched, float]] = OrderedDict()
        self._bytes = 0

    def get(self, url: str) -> Fetched | None:
        entry = self._entries.get(url)
        if entry is None:
            return None
        if entry[1] <= self._clock():
            self._drop(url)
            return None
        self._entries.move_to_end(url)
        return entry[0]

    def put(self, url: str, fetched: Fetched, temporary: bool = False) -> None:
        """Remember an outcome; the ones least asked for make room."""
        self._drop(url)
        kept = self._kept_s if fetched.jpeg else self._failed_s
        until = self._clock() + (self._temporary_s if temporary else kept)
        self._entries[url] = (fetched, until)
        self._bytes += _size(url, fetched)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, url: str) -> None:
        entry = self._entries.pop(url, None)
        if entry is not None:
            self._bytes -= _size(url, entry[0])


def _size(url: str, fetched: Fetched) -> int:
    """Bytes an entry takes, with Python's own share estimated."""
    return 400 + len(url) + len(fetched.jpeg or b"")
