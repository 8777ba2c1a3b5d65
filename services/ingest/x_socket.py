"""X live: the filtered stream, what it missed by recent search, within a budget.

Each session makes X's rules ours, opens the stream, and then catches up:

- up to five minutes by `backfill_minutes`, where the plan has it;
- else by recent search, rule by rule, from the last id (seven days at most);
- what lies further back is lost, a gap.

Pauses are X's own ("Handling disconnections"): network errors linearly to 16 s, HTTP
errors from 5 s doubling to 320 s, 429 from a minute doubling.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.errors import UsageError
from services.ingest.gaps import Watch
from services.ingest.live import Backoff, Ended, Live, Message
from services.ingest.times import X_EPOCH_MS, from_snowflake
from services.ingest.x_api import HTTP, NETWORK, RATE, Stream, XApi, XFailed
from services.ingest.x_budget import Budget
from services.ingest.x_compliance import Recheck
from services.ingest.x_rules import Rule, changes

log = logging.getLogger(__name__)

SEARCHABLE_MS = 7 * 86_400_000 - 3_600_000
"""Recent search reaches back seven days; an hour less, so as not to be refused at the edge."""
BACKFILL_MINUTES = 5
REORDERED_MS = 5_000
"""The stream does not promise order: search begins so much before the newest post that came. The
few that come again are read, and paid for, once more."""
CLOCKS_MS = 30_000
"""X's clock and ours may differ by this much."""
PAUSES: dict[str, Callable[[int], float]] = {
    NETWORK: lambda count: min(0.25 * count, 16.0),
    HTTP: lambda count: min(5.0 * 2.0**count, 320.0),
    RATE: lambda count: min(60.0 * 2.0**count, 960.0),
}
"""Seconds before the next try, after so many failures of the kind before this one."""


@dataclass(frozen=True, slots=True)
class Options:
    """`backfill`: whether the plan has it. Pauses are multiplied by `hurry` (for tests)."""

    backfill: bool = False
    hurry: float = 1.0
    buffered: int = 20_000


class XSocket:
    """Messages of X: lines of the stream, and pages of search where there was a gap."""

    host = "api.x.com"

    def __init__(
        self,
        watch: Watch,
        api: XApi,
        rules: Callable[[], Sequence[Rule]],
        budget: Budget,
        *,
        cursor: str = "",
        options: Options | None = None,
        version: Callable[[], object] = lambda: None,
        recheck: Recheck | None = None,
    ) -> None:
        """`rules` says what is wanted now; asked before each connection.

        A new one is made when `version` gives another object than before. `recheck`
        brings what is gone of the posts that came before.
        """
        self._version, self._current = version, version()
        self._watch, self._api, self._rules, self._budget = watch, api, rules, budget
        self._options = options or Options()
        self._newest = int(cursor) if cursor else 0
        self._cause = "restart" if cursor else ""
        self._failures = dict.fromkeys(PAUSES, 0)
        self._wanted: tuple[Rule, ...] = ()
        self._received = 0
        self._stream: Stream | None = None
        self._recheck, self._taken = recheck, self._newest
        if recheck is not None:
            recheck.start()
        self._live = Live(
            watch,
            self._session,
            position=self._newest,
            backoff=Backoff(0, 0),
            buffered=self._options.buffered,
        )
        self._live.start()

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """The next messages; empty after `timeout_s` without any."""
        version = self._version()
        if version is not self._current:
            self._current = version
            if self._stream is not None:
                self._stream.end("rules_changed")
        messages = self._gone() + self._live.take(most, timeout_s)
        if messages:
            self._taken = messages[-1][1]
        return messages

    def _gone(self) -> list[Message]:
        """What is gone moves the position nowhere: after a crash it is found out again."""
        found = self._recheck.take() if self._recheck is not None else []
        return [(message, self._taken) for message in found]

    def close(self) -> None:
        self._live.stop()
        if self._stream is not None:
            self._stream.end("closed")
        if self._recheck is not None:
            self._recheck.close()
        self._live.join()

    # -- one session ------------------------------------------------------------

    def _session(self) -> Ended:
        if self._budget.spent() >= 1:
            log.error("X: the month's budget is used up; reading goes on next month")
            return self._ended("spend_cap", min(self._budget.next_month_s(), 600.0))
        self._received = 0
        self._stream = stream = self._api.stream(self._line, self._connected)
        try:
            self._agree_on_rules(stream)
            cause = stream.run(self._backfill())
        except XFailed as failed:
            return self._failed(failed)
        return self._ended(cause)

    def _failed(self, failed: XFailed) -> Ended:
        if self._received:
            self._failures = dict.fromkeys(PAUSES, 0)
        count = self._failures[failed.kind]
        self._failures[failed.kind] += 1
        return self._ended(failed.cause, PAUSES[failed.kind](count) * self._options.hurry)

    def _ended(self, cause: str, wait_s: float = 0.0) -> Ended:
        self._cause = self._cause or cause
        return Ended(self._received, cause, wait_s)

    def _agree_on_rules(self, stream: Stream) -> None:
        """What is new is added at X, what is stale and ours is removed."""
        self._wanted = tuple(self._rules())
        needed = changes(self._wanted, self._api.rules(stream))
        self._api.remove(stream, needed.remove)
        self._api.add(stream, needed.add)

    def _backfill(self) -> dict[str, int]:
        wanted = self._options.backfill and self._newest
        return {"backfill_minutes": BACKFILL_MINUTES} if wanted else {}

    # -- what comes -------------------------------------------------------------

    def _connected(self) -> None:
        self._watch.connected(self.host)
        if self._newest:
            self._catch_up()
        else:  # the first connection of all: from now on, as far as clocks agree
            self._newest = (self._watch.clock_ms() - CLOCKS_MS - X_EPOCH_MS) << 22
        self._cause = ""

    def _line(self, raw: bytes) -> bool:
        """One line of the stream; whether reading may go on."""
        try:
            message = json.loads(raw)
        except ValueError:
            message = {}  # whoever parses it says what is wrong
        return self._put(raw, message, live=True) < 1

    def _put(self, raw: bytes, message: Any, *, live: bool) -> float:
        """Hand on a line or a page; the share of the budget that is used up with it.

        Search goes from new to old, rule by rule: the position moves when it is through.
        """
        data = message.get("data") or ()
        posts = [data] if isinstance(data, dict) else data
        newest = max((int(post["id"]) for post in posts), default=0)
        if live:
            self._newest = max(self._newest, newest)
        self._received += len(posts)
        self._watch.received(len(posts), from_snowflake(str(newest)) or 0)
        self._live.put([raw], self._newest)
        return self._budget.spent(len(posts))

    # -- catching up ------------------------------------------------------------

    def _catch_up(self) -> None:
        """What came while we were away, as far as X still tells."""
        now_ms = self._watch.clock_ms()
        from_ms = from_snowflake(str(self._newest)) or now_ms
        backfilled = self._options.backfill and now_ms - from_ms < BACKFILL_MINUTES * 60_000
        if backfilled or self._searched(from_ms, now_ms):
            reach_ms = from_ms if backfilled else max(from_ms, now_ms - SEARCHABLE_MS)
            self._watch.gap(reach_ms, now_ms, self._cause, filled=True)

    def _searched(self, from_ms: int, now_ms: int) -> bool:
        """Whether search brought all of it; what it could not reach or find is noted as lost."""
        reach_ms = max(from_ms, now_ms - SEARCHABLE_MS)
        self._watch.gap(from_ms, reach_ms, f"{self._cause}, too_long", filled=False)
        start = (
            {"since_id": str(self._newest - (REORDERED_MS << 22))}
            if reach_ms == from_ms
            else {"start_time": _iso(reach_ms)}
        )
        try:
            for rule in self._wanted:
                for raw, page in self._api.search(rule.value, **start):
                    if self._put(raw, page, live=False) >= 1 or self._live.stopped.is_set():
                        raise XFailed(RATE, "spend_cap")
        except (XFailed, UsageError) as failed:
            log.warning("X: searching for what was missed failed: %s", failed)
            self._watch.gap(reach_ms, now_ms, f"{self._cause}, search_failed", filled=False)
            return False
        return True


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
