"""Fixtures that every test shares: real servers, the data folder, a temporary home."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from services.store import Store
from tests.servers.kafka import KafkaServer
from tests.servers.local import ServerMissing
from tests.servers.triton import Triton
from tests.servers.valkey import ValkeyServer

S = TypeVar("S", KafkaServer, ValkeyServer)

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


def missing(what: str) -> None:
    """Skip loudly where a server or data set can't be had; fail where it is required."""
    if os.environ.get("UNDERTONE_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{what}, and UNDERTONE_REQUIRE_SERVERS=1 says that it must be there")
    pytest.skip(what)


@contextmanager
def started(make: Callable[[], S], name: str) -> Iterator[S]:
    """A server from its start to its end; `missing` where it can't be had."""
    try:
        server = make().start()
    except ServerMissing as error:
        missing(f"no {name}: {error}")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of recorded data; tests that need it are skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no recorded data at {DATA}")
    return DATA


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it, nor writes into their data folder."""
    for name in [
        n for n in os.environ if n.startswith("UNDERTONE_") and n != "UNDERTONE_REQUIRE_SERVERS"
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UNDERTONE_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def triton() -> Iterator[Triton]:
    """A real Triton with the networks that ship."""
    try:
        server = Triton()
    except (ServerMissing, FileNotFoundError) as error:
        missing(f"no Triton: {error}")
    with server:
        yield server


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """A real Apache Kafka broker, shared: name streams uniquely, and never kill it."""
    with started(KafkaServer, "Kafka") as server:
        yield server


@pytest.fixture(scope="session")
def _valkey() -> Iterator[ValkeyServer]:
    with started(ValkeyServer, "Valkey") as server:
        yield server


@pytest.fixture
def valkey(_valkey: ValkeyServer) -> ValkeyServer:
    """A real Valkey, shared and emptied for each test: don't kill it, take `own_valkey`."""
    store = _valkey.open()
    store.client.call("FLUSHALL")
    store.close()
    return _valkey


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A real Valkey of this test's own, to be killed."""
    with started(ValkeyServer, "Valkey") as server:
        yield server


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    """A store on the shared Valkey, emptied for this test."""
    opened = valkey.open()
    yield opened
    opened.close()
