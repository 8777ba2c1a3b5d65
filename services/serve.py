"""The dashboard's server, wired from settings; imported only where it is served."""

from __future__ import annotations

from contextlib import ExitStack

from services import pipeline
from services.dashboard.backend import Backend
from services.dashboard.server import Address, DashboardServer, refuse_to_be_open
from services.settings import Settings


def serve_dashboard(
    settings: Settings, stack: ExitStack, *, or_next_port: bool = False
) -> DashboardServer:
    """Serve it until `stack` ends, with a connection of its own to the store.

    `or_next_port`: beside other work, where a port that is taken is no reason to fail.
    """
    token = settings.dashboard_token
    secret = token.get_secret_value() if token else None
    refuse_to_be_open(settings.dashboard_host, secret)
    store = pipeline.make_store(settings)
    stack.callback(store.close)
    backend = Backend(store, live=settings.namespace, clock_ms=pipeline.clock_ms)
    address = Address(
        settings.dashboard_host, settings.dashboard_port, settings.dashboard_url, or_next_port
    )
    server = DashboardServer(backend, address, secret)
    stack.callback(server.close)
    return server
