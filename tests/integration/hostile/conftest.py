"""A fetcher among strangers, against real local servers.

127.0.0.1 plays the public internet (allowed by the test's policy); 127.0.0.2 is a
private address, where a canary counts whoever comes by. Nobody ever does.
"""

from __future__ import annotations

import ipaddress
import resource
import time
from collections.abc import Iterator, Sequence

import pytest

from services.ingest.fetch import Fetcher, Limits
from services.net import Policy, lookup
from tests.simulators import hostile
from tests.simulators.pictures import PictureServer

TOTAL_S = 3.0
LOCAL = (ipaddress.ip_network("127.0.0.1/32"),)
NAMES = {
    "pictures.test": ["127.0.0.1"],
    "localhost": ["127.0.0.2"],
    "inside.test": ["127.0.0.2"],
    "both.test": ["127.0.0.1", "127.0.0.2"],
    "mapped.test": ["::ffff:127.0.0.2"],
    "metadata.test": ["169.254.169.254"],
}


class Names:
    """A resolver of our own for test names, the system's for everything else."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.turns = iter([["127.0.0.1"], ["127.0.0.2"]])

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host == "rebinding.test":
            return next(self.turns)
        return NAMES[host] if host in NAMES else lookup(host, port)


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer() as running:
        running.routes["/good.jpg"] = hostile.picture()
        yield running


@pytest.fixture
def canary() -> Iterator[PictureServer]:
    with PictureServer("127.0.0.2") as running:
        yield running
        assert running.connections == 0, "somebody reached a private address"


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def fetcher(names: Names) -> Iterator[Fetcher]:
    policy = Policy(allow=LOCAL, ports=None, resolver=names)
    running = Fetcher(policy, Limits(total_s=TOTAL_S, read_s=1.0))
    yield running
    running.close()


def reason(fetcher: Fetcher, url: str) -> str:
    """Why the URL gives no picture, after checking what the attempt cost."""
    before_kb, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    (outcome,) = fetcher.fetch_many([url])
    assert time.monotonic() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100 << 10
    assert outcome.jpeg is None
    return outcome.reason
