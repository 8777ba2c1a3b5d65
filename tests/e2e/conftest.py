"""What tests of the whole product share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import started
from tests.e2e.sample import Sample, replay
from tests.servers.valkey import ValkeyServer


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The sample as the networks scored it: once, for all tests that look at it."""
    with started(ValkeyServer, "Valkey") as server:
        yield replay(tmp_path_factory.mktemp("sample"), server)
