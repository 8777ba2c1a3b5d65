"""Kafka to Kafka through a real Triton that is away for longer than the group's patience."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from services.stream.kafka import KafkaStreams
from tests.conftest import missing
from tests.integration.inference_hop import PARTITIONS, POSTS, Hop
from tests.servers import onnx_files
from tests.servers.kafka import KafkaServer
from tests.servers.local import ServerMissing
from tests.servers.proxy import Proxy
from tests.servers.triton import Triton

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PATIENCE_S = 6.0
AWAY_S = 10.0


@pytest.mark.parametrize("how", ["slow", "refusing"])
def test_the_worker_stays_a_member_while_triton_is_away(
    kafka: KafkaServer, tmp_path: Path, how: str
) -> None:
    """Away for longer than both of the group's time limits: no partition changes hands."""
    streams = KafkaStreams(
        [kafka.address], session_timeout_s=PATIENCE_S, max_poll_interval_s=PATIENCE_S
    )
    prefix = f"away-{how}-{time.time_ns()}-"
    streams.create_streams(
        dict.fromkeys((prefix + n for n in ("posts", "scores", "dead")), PARTITIONS)
    )
    try:
        server = Triton(onnx_files.write(tmp_path))
    except ServerMissing as error:
        missing(f"no Triton: {error}")
    with server:
        between = Proxy(server.url)
        hop = Hop(between.url, 2.0, streams, prefix)
        lost: list[int] = []
        forget = hop.stage.revoked
        hop.stage.revoked = lambda gone: (lost.extend(gone), forget(gone))[1]  # type: ignore[method-assign]
        hop.send(0, 40)
        hop.wait(lambda: len(hop.ids()) == 40)
        away(between, how)
        hop.send(40, POSTS)
        hop.wait(lambda: not hop.worker.health()["healthy"])
        time.sleep(AWAY_S)
        back(between, how)
        with server.supervised():
            hop.complete(POSTS)
        assert lost == []
        hop.close()
        assert sum(streams.lag(prefix + "posts", prefix + "inference").values()) == 0
        between.close()
    streams.close()


def away(proxy: Proxy, how: str) -> None:
    if how == "slow":
        proxy.delay_s = AWAY_S
    else:
        proxy.refuse()


def back(proxy: Proxy, how: str) -> None:
    if how == "slow":
        proxy.delay_s = 0
    else:
        proxy.accept()
