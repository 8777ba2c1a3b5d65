"""Who knows the token: checked in constant time, guesses slowed down, sessions without a store.

A session is the time of its login and a keyed digest of it. It lasts until then
plus `SESSION_S`, over restarts too, and ends for everybody when the token is changed.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from services.errors import UsageError

COOKIE: Final = "undertone_session"
SESSION_S: Final = 30 * 86_400
SHORTEST_TOKEN: Final = 16
GUESSES: Final = 10
"""Wrong tokens that one address may send in `GUESSES_S`; then it waits."""
GUESSES_S: Final = 60
ADDRESSES: Final = 10_000
"""Addresses whose guesses are remembered."""


class Keeper:
    """Keeps the token."""

    def __init__(self, token: str, clock_ms: Callable[[], int]) -> None:
        """`UsageError` for a token that is too short to stand before the world."""
        if len(token) < SHORTEST_TOKEN:
            raise UsageError(f"dashboard_token is too short: {SHORTEST_TOKEN} characters or more")
        self._token, self._clock_ms = token.encode(), clock_ms
        self._wrong: dict[str, deque[int]] = {}

    def try_token(self, token: str, who: str) -> int | None:
        """None where it is right, 0 where it is wrong; above 0, seconds for which the address
        `who` is not listened to."""
        now_s, who = self._clock_ms() // 1000, _network(who)
        wrong = self._wrong.get(who, deque())
        while wrong and wrong[0] <= now_s - GUESSES_S:
            wrong.popleft()
        if len(wrong) >= GUESSES:
            return max(1, wrong[0] + GUESSES_S - now_s)
        if hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token):
            self._wrong.pop(who, None)
            return None
        if len(self._wrong) >= ADDRESSES:
            self._wrong.clear()
        wrong.append(now_s)
        self._wrong[who] = wrong
        return 0

    def new_session(self) -> str:
        """The cookie's value after a login."""
        issued = str(self._clock_ms() // 1000)
        return f"{issued}.{self._digest(issued)}"

    def knows_session(self, value: str) -> bool:
        """Whether the value is one that we gave, and not too old."""
        issued, _, digest = value.partition(".")
        if not (issued.isascii() and issued.isdecimal() and len(issued) < 12 and digest.isascii()):
            return False
        if not hmac.compare_digest(digest, self._digest(issued)):
            return False
        return 0 <= self._clock_ms() // 1000 - int(issued) < SESSION_S

    def _digest(self, issued: str) -> str:
        return hmac.new(self._token, f"session {issued}".encode(), sha256).hexdigest()


def _network(who: str) -> str:
    """Of an IPv6 address its first half: who has one has all that share it."""
    try:
        address = IPv6Address(who)
    except ValueError:
        return who
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))
