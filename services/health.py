"""`/healthz` and `/metrics` of one process, on a small HTTP server in a thread."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from services import metrics as metrics  # declares what /metrics answers
from services.errors import UsageError
from services.settings import Settings
from services.vitals import publish_vitals

Health = Callable[[], Mapping[str, Any]]
"""What `/healthz` answers: at least `healthy` (bool), and why not where it is false."""
STUCK_S: Final = 120.0
"""A loop goes round several times a second, also while it waits. Where one process has all hops,
a checkpoint holds single ones up for as long as its streams are deep."""


SILENT_S: Final = 10.0
"""Who connects and says nothing, or takes nothing, for so long is let go."""


class HealthServer:
    """Answers `/healthz` (200 or 503 with a JSON body) and `/metrics` until closed."""

    def __init__(self, host: str, port: int, health: Health) -> None:
        """Listen on `host:port` (0 picks a free port). `UsageError` where it is taken."""
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(health))
        except OSError as error:
            raise UsageError(
                f"can't serve health and metrics on {host}:{port} ({error.strerror}); "
                "choose another UNDERTONE_METRICS_PORT"
            ) from error
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve_health(settings: Settings, stack: ExitStack, health: Health, command: str = "") -> None:
    """Serve it until `stack` ends, where the settings ask for that; and say the same, with the
    process's figures, to the store: what the dashboard shows of `command`'s process."""

    def judged() -> Mapping[str, Any]:
        return noticing_stuck_loops(health(), time.time())

    if settings.metrics_port is not None:  # first: a port that is taken ends the process
        stack.callback(HealthServer(settings.metrics_host, settings.metrics_port, judged).close)
    publish_vitals(settings, stack, judged, command)


def noticing_stuck_loops(health: Mapping[str, Any], now_s: float) -> Mapping[str, Any]:
    """The same, but for hops whose loop stands still: those can't say so themselves."""
    if "hops" in health:
        hops = [noticing_stuck_loops(hop, now_s) for hop in health["hops"]]
        healthy = health["healthy"] and all(hop["healthy"] for hop in hops)
        return {**health, "healthy": healthy, "hops": hops}
    labels = {"stage": str(health.get("stage", ""))}
    turned_s = REGISTRY.get_sample_value("undertone_loop_timestamp_seconds", labels)
    if turned_s is None or now_s - turned_s <= STUCK_S:
        return health
    reason = f"stuck: its loop last went round {now_s - turned_s:.0f} s ago"
    return {**health, "healthy": False, "reason": reason}


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SILENT_S

        def do_GET(self) -> None:
            if self.path == "/healthz":
                state = health()
                body = json.dumps(state, default=str).encode() + b"\n"
                self._answer(200 if state["healthy"] else 503, "application/json", body)
            elif self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
            else:
                self._answer(404, "text/plain", b"try /healthz or /metrics\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes come every few seconds; they are not news."""

    return Handler
