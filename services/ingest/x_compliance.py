"""Which of X's posts that we keep are gone: asked of X by batch compliance jobs.

X's stream of deletions is for enterprise contracts alone, and the filtered
stream says nothing of them. A compliance job is open to every plan and costs no
read: the ids of posts that went by in the last three days (longer no word of
them is kept) are uploaded, and X answers with those that were deleted, or whose
author was suspended, deactivated or went private. So a deletion is honoured
within `every_s` and the minutes that the job takes.

Steps of X's "Batch compliance" quickstart: create a job, PUT the ids, poll
until it is complete, GET the results, one JSON object a line.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services import metrics
from services.errors import Unavailable, UsageError
from services.ingest.exchange import exchange
from services.ingest.fetch_http import FetchFailed
from services.ingest.x_api import XApi, XFailed
from services.net import Policy

log = logging.getLogger(__name__)

SOURCE = "x"
PREFIX = "x:"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. X runs one job at a time, and takes minutes for it."""

    every_s: float = 6 * 3600.0
    first_s: float = 600.0
    again_s: float = 1800.0
    """After a failure."""
    poll_s: float = 30.0
    give_up_s: float = 3600.0


class JobFailed(Exception):
    """X did not bring the job to its end."""


class Recheck:
    """Runs a job now and then, in a thread of its own; what X says is gone waits to be taken."""

    def __init__(
        self,
        api: XApi,
        ids: Callable[[], Iterable[str]],
        clock_ms: Callable[[], int],
        *,
        timing: Timing | None = None,
        policy: Policy | None = None,
    ) -> None:
        """`ids` names what we keep (`x:20`; others are left out). Nothing runs before `start`."""
        self._api, self._ids, self._clock_ms = api, ids, clock_ms
        self._timing, self._policy = timing or Timing(), policy or Policy()
        self._gone: deque[bytes] = deque()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="x-compliance", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self) -> list[bytes]:
        """What was found since, each as the compliance stream would have said it."""
        return [self._gone.popleft() for _ in range(len(self._gone))]

    def close(self) -> None:
        self._stopped.set()

    def once(self) -> int:
        """One job; how many posts are gone. Raises what goes wrong."""
        ids = sorted(i.removeprefix(PREFIX) for i in self._ids() if i.startswith(PREFIX))
        if not ids:
            return 0
        job = self._api.compliance_job()
        exchange(self._policy, "PUT", job["upload_url"], "\n".join(ids).encode())
        self._wait(job["id"])
        found = messages(exchange(self._policy, "GET", job["download_url"]), set(ids))
        self._gone.extend(found)
        metrics.RECHECKED.labels(SOURCE).set(self._clock_ms() / 1000)
        return len(found)

    def _wait(self, job: str) -> None:
        polls = int(self._timing.give_up_s / self._timing.poll_s)
        for _ in range(polls):
            status = self._api.compliance_status(job)
            if status == "complete":
                return
            if status in ("failed", "expired") or self._stopped.wait(self._timing.poll_s):
                raise JobFailed(status)
        raise JobFailed("not complete in time")

    def _run(self) -> None:
        pause_s = self._timing.first_s
        while not self._stopped.wait(pause_s):
            try:
                gone = self.once()
                pause_s = self._timing.every_s
                log.info("X: %d posts that we kept are gone", gone)
            except (XFailed, UsageError, Unavailable, FetchFailed, JobFailed) as error:
                pause_s = self._timing.again_s
                log.warning("X: which posts are gone can't be asked now: %s", error)


def messages(results: bytes, asked: Sequence[str] | set[str]) -> list[bytes]:
    """A job's results as events of the compliance stream; what was not asked is left out.

    A post whose place alone was removed (`scrub_geo`) stays: we keep no places.
    """
    found = []
    for line in results.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            log.warning("X: a line of a compliance job can't be read")
            continue
        ident = str(row.get("id", "")) if isinstance(row, dict) else ""
        if ident in asked and row.get("action") == "delete" and row.get("reason") != "scrub_geo":
            event: dict[str, object] = {"tweet": {"id": ident}}
            if row.get("redacted_at"):
                event["event_at"] = row["redacted_at"]
            found.append(json.dumps({"data": {"delete": event}}).encode())
    return found
