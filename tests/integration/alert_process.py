"""The alert hop in a process of its own, with a plain detector, to be killed.

    python -m tests.integration.alert_process STORE_URL FOLDER LEASE_MS

Judges every namespace that has rules. Receivers append to files in FOLDER: `careful` (repeats are
dropped) and `plain` (they are not).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from threading import Event

from services.alerts.books import Books
from services.alerts.deliver import Deliveries, Timing
from services.alerts.follow import Wiring
from services.alerts.hop import AlertHop, Options
from services.alerts.notify.port import Message
from services.store import open_store
from services.store.alerts import Alerts
from services.stream.attempts import Backoff
from tests.alerting import Plain, Written

RECEIVERS = ("careful", "plain")


def main(url: str, folder: Path, lease_ms: int) -> None:
    store = open_store(url)
    receivers = {
        name: Written(name, folder / name, repeats_are_dropped=name == "careful")
        for name in RECEIVERS
    }
    telling = Deliveries(
        receivers,
        lambda: open_store(url),
        lambda _: lambda event: Message(event, "", ""),
        lambda _: RECEIVERS,
        Timing(backoff=Backoff(0.05, 0.2)),
    )
    books = Books(Alerts(store), "live", None)
    hop = AlertHop(
        store,
        Options(lease_ms=lease_ms, poll_s=0.01),
        books.rules,
        Wiring(Alerts(store), make_bank=Plain, told=lambda _: RECEIVERS),
        telling,
        backoff=Backoff(0.05, 0.2),
        clock=time.monotonic,
    )
    hop.run(Event())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
