"""Behind a reverse proxy: whose wrong tokens are counted, and whom we believe about that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from services.dashboard.app import Options
from services.dashboard.backend import Backend
from services.dashboard.server import Address, DashboardServer, believed
from services.dashboard.session import GUESSES
from services.errors import Unavailable, UsageError
from services.settings import load_settings
from services.settings.dashboard import proxies
from services.store.client import Client
from services.store.store import Store

TOKEN = "a long enough token"
ATTACKER, READER = "203.0.113.7", "198.51.100.9"


def away() -> None:
    raise Unavailable("store", "nobody is there")


@contextmanager
def serving(*trusted: str) -> Iterator[httpx.Client]:
    backend = Backend(Store(Client(away)), live="live", clock_ms=lambda: 0)  # type: ignore[arg-type]
    server = DashboardServer(
        backend, Address("127.0.0.1", 0), Options(token=TOKEN, proxies=proxies(",".join(trusted)))
    )
    try:
        with httpx.Client(base_url=server.url) as client:
            yield client
    finally:
        server.close()


def guess(client: httpx.Client, who: str, token: str = "wrong") -> int:
    """The answer's status; 200 for the right token, as the API's description needs no store."""
    headers = {"X-Forwarded-For": who, "Authorization": f"Bearer {token}"}
    return client.get("/api/v1/openapi.json", headers=headers).status_code


def test_readers_behind_a_proxy_that_we_know_are_told_apart() -> None:
    with serving("127.0.0.0/8") as client:
        assert [guess(client, ATTACKER) for _ in range(GUESSES + 1)] == [401] * GUESSES + [429]
        assert guess(client, READER, TOKEN) == 200
        assert guess(client, ATTACKER, TOKEN) == 429


def test_what_a_reader_claims_of_itself_is_not_believed() -> None:
    """The proxy puts the address it sees behind what came."""
    with serving("127.0.0.1") as client:
        found = [guess(client, f"198.51.100.{n}, {ATTACKER}") for n in range(GUESSES + 1)]
        assert found == [401] * GUESSES + [429]


@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8",)])
def test_nobody_else_is_believed(trusted: tuple[str, ...]) -> None:
    with serving(*trusted) as client:
        found = [guess(client, f"198.51.100.{n}") for n in range(GUESSES + 1)]
        assert found == [401] * GUESSES + [429]


def test_networks_are_known_by_both_their_names() -> None:
    given = believed(proxies("10.0.0.0/8, 192.0.2.1, 2001:db8::/32"))
    assert given == [
        "10.0.0.0/8",
        "192.0.2.1/32",
        "2001:db8::/32",
        "::ffff:10.0.0.0/104",
        "::ffff:192.0.2.1/128",
    ]


@pytest.mark.parametrize("given", ["*", "proxy.example.com", "10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("UNDERTONE_DASHBOARD_TRUSTED_PROXIES", given)
    with pytest.raises(UsageError, match="dashboard_trusted_proxies"):
        load_settings()
