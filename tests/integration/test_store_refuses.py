"""A server that takes no writes now (full, a replica, without quorum) is waited for, not crashed
on: however the command comes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from services.errors import Unavailable, UsageError
from services.store import Store, open_store
from tests.conftest import missing
from tests.servers.valkey import ServerMissing, ValkeyServer

pytestmark = pytest.mark.integration

WAYS: dict[str, Callable[[Store], object]] = {
    "call": lambda store: store.client.call("SET", "a", "b"),
    "pipe": lambda store: store.client.pipe([("PING",), ("SET", "a", "b")]),
    "script": lambda store: store.scripts.run("alerts_lease", [("ut:{a}:alerts", "me", 1)]),
}


@pytest.fixture
def own() -> Iterator[ValkeyServer]:
    try:
        server = ValkeyServer().start()
    except ServerMissing as error:
        missing(f"no Valkey: {error}")
    yield server
    server.stop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "state",
    [
        ("CONFIG", "SET", "maxmemory", "1"),
        ("CONFIG", "SET", "min-replicas-to-write", "1"),
        ("REPLICAOF", "127.0.0.1", "1"),
    ],
    ids=["full", "no quorum", "a replica"],
)
def test_it_is_waited_for(own: ValkeyServer, state: tuple[str, ...], way: str) -> None:
    store = own.open()
    WAYS[way](store)
    store.client.call(*state)
    with pytest.raises(Unavailable, match="store"):
        WAYS[way](store)
    store.close()


def test_what_can_not_be_waited_for_is_said(own: ValkeyServer) -> None:
    store = own.open()
    store.client.call("ACL", "SETUSER", "limited", "on", ">word", "~*", "+@all", "-waitaof")
    limited = open_store(own.url, username="limited", password="word")
    assert store.client.sync("a", 5_000)
    assert not limited.client.sync("a", 5_000)
    with pytest.raises(UsageError, match="waitaof"):
        limited.client.call("WAITAOF", 0, 0, 1)
    store.client.call("CONFIG", "SET", "appendonly", "no")
    assert not store.client.sync("a", 5_000)
    limited.close()
    store.close()
