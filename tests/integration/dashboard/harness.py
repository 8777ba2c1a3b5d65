"""A dashboard in this process over a real Valkey, and a reader of its events."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

import httpx

from services.dashboard.app import Options
from services.dashboard.backend import Backend
from services.dashboard.server import Address, DashboardServer
from services.store.reader import LIVE, REPLAY
from services.store.store import Store
from tests.integration.aggregation_bench import Bench
from tests.scores import START_MS

NS = "replay-1"
HERE = "127.0.0.1"


class Site:
    """The dashboard and, to feed it, an aggregator on the same store."""

    def __init__(self, server: DashboardServer, store: Store, client: httpx.Client) -> None:
        self.server, self.store, self.client = server, store, client
        self.bench = Bench(store)

    def get(self, path: str, status: int = 200, **headers: str) -> httpx.Response:
        """Of `/api/v1/`; header names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found = self.client.get(f"/api/v1/{path}", headers=named)
        assert found.status_code == status, found.text
        return found

    def json(self, path: str) -> Any:
        return self.get(path).json()


@contextmanager
def serving(
    open_store: Callable[[], Store],
    options: Options = Options(),  # noqa: B008
    clock_ms: Callable[[], int] = lambda: START_MS,
) -> Iterator[Site]:
    """A replay's namespace is there, and one for live figures."""
    with ExitStack() as stack:
        store, own = open_store(), open_store()
        stack.callback(store.close)
        stack.callback(own.close)
        store.add_namespace(LIVE, LIVE, START_MS)
        store.add_namespace(NS, REPLAY, START_MS)
        backend = Backend(own, live=LIVE, clock_ms=clock_ms)
        server = DashboardServer(backend, Address(HERE, 0), options)
        stack.callback(server.close)
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=30))
        yield Site(server, store, client)


class Listener:
    """One live connection, read in a thread."""

    def __init__(self, site: Site, query: str = f"namespace={NS}", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.events: queue.Queue[tuple[str, str, Any]] = queue.Queue()
        self.ended = threading.Event()
        self.last_id = ""
        self._connection = HTTPConnection(HERE, site.server.port, timeout=30)
        self._connection.request("GET", f"/api/v1/events?{query}", headers=named)
        self._socket = self._connection.sock
        self.response = self._connection.getresponse()
        assert self.response.status == 200
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next(self, kind: str, within_s: float = 5.0) -> Any:
        """The data of the next event, which must be of this kind."""
        self.last_id, found, data = self.events.get(timeout=within_s)
        assert found == kind, data
        return data

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self.response.close()
        self._connection.close()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        with suppress(OSError, HTTPException):
            while raw := self.response.readline():
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    self.events.put((fields["id"], fields["event"], json.loads(fields["data"])))
                    fields = {}
        self.ended.set()
