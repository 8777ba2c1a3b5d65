"""A server that takes no writes now (full, a replica, without quorum) is waited for, not crashed
on: however the command comes to it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from services.errors import Unavailable, UsageError
from services.store import Store, open_store
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration

WAYS: dict[str, Callable[[Store], object]] = {
    "call": lambda store: store.client.call("SET", "a", "b"),
    "pipe": lambda store: store.client.pipe([("PING",), ("SET", "a", "b")]),
    "script": lambda store: store.scripts.run("alerts_lease", [("ut:{a}:alerts", "me", 1)]),
}


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
def test_it_is_waited_for(own_valkey: ValkeyServer, state: tuple[str, ...], way: str) -> None:
    store = own_valkey.open()
    WAYS[way](store)
    store.client.call(*state)
    with pytest.raises(Unavailable, match="store"):
        WAYS[way](store)
    store.close()


@pytest.mark.parametrize("way", WAYS)
def test_closing_ends_calls_that_are_under_way(own_valkey: ValkeyServer, way: str) -> None:
    store = own_valkey.open()
    WAYS[way](store)
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(WAYS[way], store)
            time.sleep(0.2)
            store.close()
            with pytest.raises(Unavailable):
                waiting.result(5)
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)
    with pytest.raises(Unavailable, match="closed"):
        WAYS[way](store)


def test_threads_that_share_a_connection_lose_it_alike(own_valkey: ValkeyServer) -> None:
    """No other error than `Unavailable`, and all go on once the server is back."""
    store, over = own_valkey.open(), Event()

    def ask() -> set[str]:
        errors = set()
        while not over.is_set():
            try:
                store.client.pipe([("PING",)] * 100)
            except Exception as error:
                errors.add(type(error).__name__)
        return errors

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        for _ in range(5):
            time.sleep(0.1)
            own_valkey.kill()
            own_valkey.start()
        over.set()
        assert {name for one in asking for name in one.result(30)} == {"Unavailable"}
    assert store.client.call("PING")
    store.close()


def test_what_can_not_be_waited_for_is_said(own_valkey: ValkeyServer) -> None:
    store = own_valkey.open()
    store.client.call("ACL", "SETUSER", "limited", "on", ">word", "~*", "+@all", "-waitaof")
    limited = open_store(own_valkey.url, username="limited", password="word")
    assert store.client.sync("a", 5_000)
    assert not limited.client.sync("a", 5_000)
    with pytest.raises(UsageError, match="waitaof"):
        limited.client.call("WAITAOF", 0, 0, 1)
    store.client.call("CONFIG", "SET", "appendonly", "no")
    assert not store.client.sync("a", 5_000)
    limited.close()
    store.close()
