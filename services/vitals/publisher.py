"""The thread that sends a process's vitals to the store.

It has a connection of its own, and nothing that goes wrong with it (a store
that is away, full, or refuses us) reaches the hops: it is said once, and tried
again two seconds later. What was not sent is not made up for.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any

from prometheus_client import REGISTRY

from services import pipeline
from services.settings import Settings
from services.store.store import Store
from services.store.vitals import Process, Vitals
from services.vitals.document import describe, versions
from services.vitals.figures import Recorder

log = logging.getLogger(__name__)

EVERY_S = 2.0
PATIENCE_S = 1.0
"""How long the end of a process waits for the thread's last word."""


def publish_vitals(
    settings: Settings,
    stack: ExitStack,
    health: Callable[[], Mapping[str, Any]],
    command: str = "",
) -> None:
    """Say every two seconds how this process is, until `stack` ends.

    `health` is what `/healthz` answers; it is called from another thread.
    `command` names the process; by default its stages do.
    """
    host, pid = platform.node(), os.getpid()
    who = {
        "id": f"{host}:{pid}",
        "command": command,
        "host": host,
        "pid": pid,
        "versions": versions(pipeline.artifacts()),
        "started_ms": pipeline.clock_ms(),
    }
    recorder = Recorder(REGISTRY)

    def document() -> Process:
        return describe(who, health(), recorder.take(time.monotonic()), pipeline.clock_ms())

    stack.callback(Publisher(lambda: _store(settings), document).close)


def _store(settings: Settings) -> Store | None:
    """None where there is nobody to tell: a hop that needs no store must not start one."""
    embedded = settings.store_url.startswith("embedded:")
    if embedded and not (settings.data_dir / "store").is_dir():
        return None
    return pipeline.make_store(settings)


class Publisher:
    """Sends `document()` until it is closed."""

    def __init__(
        self,
        open_store: Callable[[], Store | None],
        document: Callable[[], Process],
        every_s: float = EVERY_S,
    ) -> None:
        """`open_store` and `document` are called from the publisher's thread alone."""
        self._open_store, self._document, self._every_s = open_store, document, every_s
        self._store: Store | None = None
        self._said = ""
        self._last_id = ""
        self._stop = Event()
        self._thread = Thread(target=self._run, name="vitals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the process off the list; a store that hangs is not waited for."""
        self._stop.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while True:
            self._guarded(self._send)
            if self._stop.wait(self._every_s):
                break
        self._guarded(self._take_leave)

    def _guarded(self, action: Callable[[], None]) -> None:
        """Whatever goes wrong here is no reason for a hop to stop, nor for noise."""
        try:
            action()
        except Exception as error:
            if str(error) != self._said:
                self._said = str(error)
                log.info("vitals are not sent: %s", error)
        else:
            self._said = ""

    def _send(self) -> None:
        document = self._document()
        if self._store is None:
            self._store = self._open_store()
        if self._store is not None:
            Vitals(self._store.client).publish(document)
            self._last_id = document.id

    def _take_leave(self) -> None:
        if self._store is not None:
            try:
                if self._last_id:
                    Vitals(self._store.client).remove(self._last_id)
            finally:
                self._store.close()
