"""A soak of each live source: faults every few seconds, the ingest hop killed twice.

Every post that the simulator sent is in Kafka then, and counts once behind the aggregator.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.soak import PER_S, POSTS, Ingest, await_that, deployment, now_ms, soak, with_faults
from tests.servers.kafka import KafkaServer
from tests.servers.valkey import ValkeyServer
from tests.simulators.jetstream import JetstreamServer, Log, generate
from tests.simulators.mastodon import MastodonServer, status
from tests.simulators.x import XServer, tweet

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]

BLUESKY_FAULTS = [
    "drop http_503", "duplicate", "reorder", "garbage", "close http_429", "stall", "drop",
]  # fmt: skip
MASTODON_FAULTS = ["drop http_429", "reorder", "garbage", "duplicate", "drop http_503"]
X_FAULTS = [
    "drop http_429", "drop limit", "reorder", "garbage", "swap http_503", "duplicate", "disconnect",
]  # fmt: skip


def test_bluesky(kafka: KafkaServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    log = Log()
    events = list(generate(POSTS, start_us=now_ms() * 1000, step_us=1_000_000 // PER_S))

    with JetstreamServer(log) as one, JetstreamServer(log, skew_us=400_000) as other:
        hosts = f"{one.url},{other.url}"
        with (
            deployment(kafka, valkey, tmp_path, bluesky_hosts=hosts) as (settings, environment),
            Ingest("bluesky", environment, tmp_path) as ingest,
        ):
            await_that(lambda: bool(one.queries))
            moved_us = now_ms() * 1000 - events[0]["time_us"]

            def send(start: int, stop: int) -> None:
                share = len(events) / POSTS
                now = events[int(start * share) : int(stop * share)]
                log.add(e | {"time_us": e["time_us"] + moved_us} for e in now)

            def feed() -> None:
                with_faults(one.faults, BLUESKY_FAULTS, send)

            soak(ingest, settings, feed, lambda: _of_bluesky(log))


def _of_bluesky(log: Log) -> set[str]:
    found = set()
    for name, message in list(log.events):
        if name == "app.bsky.feed.post":
            event = json.loads(message)
            found.add(f"bluesky:{event['did']}/{event['commit']['rkey']}")
        elif name == "app.bsky.feed.repost":
            event = json.loads(message)
            found.add(f"bluesky:{event['did']}/repost/{event['commit']['rkey']}")
    return found


def test_mastodon(kafka: KafkaServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    with (
        MastodonServer() as server,
        deployment(
            kafka, valkey, tmp_path, mastodon_server=server.url, mastodon_token="secret"
        ) as (settings, environment),
        Ingest("mastodon", environment, tmp_path) as ingest,
    ):
        await_that(lambda: bool(server.open))

        def send(start: int, stop: int) -> None:
            server.post(status(number, now_ms()) for number in range(start, stop))

        def feed() -> None:
            with_faults(server.faults, MASTODON_FAULTS, send)

        def wanted() -> set[str]:
            return {f"mastodon:here.test/{found['id']}" for found in server.statuses}

        soak(ingest, settings, feed, wanted)


def test_x(kafka: KafkaServer, valkey: ValkeyServer, tmp_path: Path) -> None:
    words = ("acme", "globex", "initech", "umbrella")
    with (
        XServer() as server,
        deployment(
            kafka,
            valkey,
            tmp_path,
            x_api_url=server.url,
            x_bearer_token="secret",
            x_monthly_cap="1000",
        ) as (settings, environment),
        Ingest("x", environment, tmp_path) as ingest,
    ):
        await_that(lambda: bool(server.open))

        def send(start: int, stop: int) -> None:
            server.post(tweet(n, now_ms(), f"{words[n % 4]} {n}") for n in range(start, stop))

        def feed() -> None:
            with_faults(server.faults, X_FAULTS, send)

        soak(ingest, settings, feed, lambda: {f"x:{t['id']}" for t in server.tweets})
