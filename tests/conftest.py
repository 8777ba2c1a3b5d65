"""Fixtures that every test shares: real servers, the data folder, a temporary home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.store import Store
from tests.servers.kafka import KafkaServer
from tests.servers.local import ServerMissing
from tests.servers.triton import Triton
from tests.servers.valkey import ValkeyServer

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"


def missing(what: str) -> None:
    """Skip loudly where a server or data set can't be had; fail where it is required."""
    if os.environ.get("UNDERTONE_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{what}, and UNDERTONE_REQUIRE_SERVERS=1 says that it must be there")
    pytest.skip(what)


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
    try:
        server = KafkaServer().start()
    except ServerMissing as error:
        missing(f"no Kafka: {error}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _valkey() -> Iterator[ValkeyServer]:
    try:
        server = ValkeyServer().start()
    except ServerMissing as error:
        missing(f"no Valkey: {error}")
    yield server
    server.stop()


@pytest.fixture
def valkey(_valkey: ValkeyServer) -> ValkeyServer:
    """A real Valkey, shared and emptied for each test: don't kill it, start one of your own."""
    store = _valkey.open()
    store.client.call("FLUSHALL")
    store.close()
    return _valkey


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    """A store on the shared Valkey, emptied for this test."""
    opened = valkey.open()
    yield opened
    opened.close()
