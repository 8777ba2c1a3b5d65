"""What a source tells of itself, on an injected clock."""

from __future__ import annotations

import json

import pytest
from prometheus_client import REGISTRY

from services.ingest.gaps import KEPT, Gap, Watch


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"undertone_source_{name}", labels) or 0.0


def test_a_source_begins_without_connection() -> None:
    status = Watch("s0", Clock()).status()
    assert not status.connected
    assert status.cause == "not connected yet"
    assert (status.last_event_ms, status.events, status.gaps) == (0, 0, ())


def test_connected_since_and_the_first_cause_of_an_outage() -> None:
    clock = Clock()
    watch = Watch("s1", clock)
    watch.connected("host-a")
    clock.now_ms = 2_000_000
    watch.disconnected("silent")
    clock.now_ms = 3_000_000
    watch.disconnected("http_503")
    status = watch.status()
    assert (status.connected, status.since_ms, status.cause) == (False, 2_000_000, "silent")
    assert status.reconnects == 2
    assert metric("connected", source="s1") == 0
    assert metric("reconnects_total", source="s1", cause="http_503") == 1
    watch.connected("host-b")
    status = watch.status()
    assert (status.connected, status.since_ms, status.host) == (True, 3_000_000, "host-b")


def test_an_outage_is_told_once_in_words(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch("s6", Clock())
    for _ in range(3):
        watch.disconnected("connection_failed")
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["s6: not connected (connection failed); tried again until it answers"]


def test_lag_is_that_of_the_newest_event() -> None:
    clock = Clock()
    watch = Watch("s2", clock)
    watch.received(3, 999_000)
    watch.received(2, 500_000)  # a rewind brings older ones again
    status = watch.status()
    assert (status.events, status.last_event_ms, status.lag_ms) == (5, 999_000, 1_000)
    assert metric("lag_seconds", source="s2") == 1.0
    assert metric("last_event_timestamp_seconds", source="s2") == 999.0


def test_gaps_filled_and_lost() -> None:
    watch = Watch("s3", Clock())
    watch.gap(1_000, 4_000, "silent", filled=True)
    watch.gap(5_000, 7_500, "cursor_clamped", filled=False)
    watch.gap(9_000, 9_000, "silent", filled=True)
    status = watch.status()
    assert status.gaps == (
        Gap(1_000, 4_000, "silent", True),
        Gap(5_000, 7_500, "cursor_clamped", False),
    )
    assert status.lost_ms == 2_500
    assert metric("lost_seconds_total", source="s3") == 2.5
    assert metric("gaps_total", source="s3", cause="silent", filled="yes") == 1
    assert json.loads(status.to_json())["gaps"][1]["cause"] == "cursor_clamped"


def test_only_the_newest_gaps_are_carried_and_all_are_counted() -> None:
    watch = Watch("s4", Clock())
    for number in range(KEPT + 10):
        watch.gap(number * 10, number * 10 + 5, "silent", filled=False)
    status = watch.status()
    assert len(status.gaps) == KEPT
    assert status.gaps[-1].from_ms == (KEPT + 9) * 10
    assert status.lost_ms == (KEPT + 10) * 5
