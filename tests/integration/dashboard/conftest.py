"""One dashboard for each test, on an empty Valkey."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.dashboard.harness import Site, serving
from tests.servers.valkey import ValkeyServer


@pytest.fixture
def site(valkey: ValkeyServer) -> Iterator[Site]:
    with serving(valkey.open) as opened:
        yield opened
