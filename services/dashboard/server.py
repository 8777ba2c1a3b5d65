"""The dashboard's server: uvicorn in a thread of its own, beside whatever else the process does."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from threading import Thread
from typing import Final

import uvicorn

from services.dashboard.app import Application, Options, create_app
from services.dashboard.backend import Backend
from services.dashboard.connection import Connection
from services.errors import UsageError

BACKLOG: Final = 256
"""Connections that wait to be accepted: all of them are, at once, before any is judged."""
NEXT_PORTS: Final = 50
"""Ports that are tried where the first is taken."""
KEEP_ALIVE_S: Final = 75
CLOSE_S: Final = 1
"""Requests that are under way may take so long once we close."""
LEFT_BEHIND_S: Final = 5.0
"""After so long the server's thread, a daemon, is left to the end of the process."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int
    """0: any free one."""
    or_next: bool = False
    """Where the port is taken, take the next free one, or any."""


class DashboardServer:
    """Serves until closed. `UsageError` where it can't or must not listen there."""

    def __init__(self, backend: Backend, address: Address, options: Options) -> None:
        refuse_to_be_open(address.host, options.token)
        self._backend = backend
        self._application: Application = create_app(backend, options)
        self._socket = listen(address)
        self.port: int = self._socket.getsockname()[1]
        self._host = address.host
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                self._application.asgi,
                http=Connection,
                backlog=BACKLOG,
                log_config=None,
                access_log=False,
                lifespan="off",
                proxy_headers=bool(options.proxies),
                forwarded_allow_ips=believed(options.proxies),
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=CLOSE_S,
                ws="none",
            ),
            self._application.watches.close,
        )
        # Its own words on a connection that ended badly are ours already, as problems.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._thread = Thread(target=self._run, name="dashboard server", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::", "") else self._host  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def close(self) -> None:
        """End live connections, answer what is under way, stop. Within a second."""
        self._uvicorn.should_exit = True
        self._thread.join(LEFT_BEHIND_S)
        if self._thread.is_alive():
            log.warning("the dashboard did not end within %s s and is left behind", LEFT_BEHIND_S)
        else:
            self._socket.close()
        self._backend.close()

    def _run(self) -> None:
        self._uvicorn.run(sockets=[self._socket])


class _Uvicorn(uvicorn.Server):
    """Ends live connections first: they would hold up the rest."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing()
        await super().shutdown(sockets)


def refuse_to_be_open(host: str, token: str | None) -> None:
    """`UsageError` where others could reach us and nothing is asked of them."""
    if token is None and not is_loopback(host):
        raise UsageError(
            f"dashboard_host {host or '(all)'} can be reached by others: set dashboard_token_file "
            "(a file with 16 characters or more), or keep to 127.0.0.1"
        )


def believed(proxies: Sequence[str]) -> list[str]:
    """The networks, and those of IPv4 by the name that they have on a socket of both kinds."""
    found = list(proxies)
    for network in map(ip_network, proxies):
        if network.version == 4:
            found.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def listen(address: Address) -> socket.socket:
    """A socket that listens there. `UsageError` says why not."""
    tried = [address.port]
    if address.or_next and address.port:
        tried = [*range(address.port, min(address.port + NEXT_PORTS, 65_536)), 0]
    for port in tried:
        try:
            return _bound(address.host, port)
        except OSError as error:
            reason = error
            if error.errno != errno.EADDRINUSE:
                break
    raise UsageError(
        f"can't serve the dashboard on {address.host}:{address.port} ({reason.strerror}); "
        "choose another --port (dashboard_port)"
    ) from reason


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound
