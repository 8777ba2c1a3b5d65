"""The health server answers what the worker says of itself."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from services import health, metrics
from services.errors import UsageError
from services.health import STUCK_S, HealthServer, noticing_stuck_loops


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_metrics_and_nothing_else() -> None:
    state = {"healthy": True, "stage": "inference"}
    server = HealthServer("127.0.0.1", 0, lambda: state)
    try:
        status, body = get(f"{server.address}/healthz")
        assert (status, json.loads(body)["stage"]) == (200, "inference")
        state["healthy"] = False
        assert get(f"{server.address}/healthz")[0] == 503
        assert "undertone_records_read_total" in get(f"{server.address}/metrics")[1]
        assert get(f"{server.address}/etc/passwd")[0] == 404
    finally:
        server.close()


def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SILENT_S", 0.2)
    server = HealthServer("127.0.0.1", 0, lambda: {"healthy": True})
    place = urlsplit(server.address)
    try:
        with socket.create_connection((place.hostname, place.port), timeout=5) as silent:
            silent.sendall(b"GET /hea")
            assert silent.recv(1) == b""
        assert get(f"{server.address}/healthz")[0] == 200
    finally:
        server.close()


def test_a_loop_that_stands_still_is_not_well() -> None:
    metrics.LOOP.labels("still").set(1_000.0)
    one = {"healthy": True, "stage": "still", "reason": ""}
    another = {"healthy": True, "stage": "without a loop", "reason": ""}
    assert noticing_stuck_loops(one, 1_000 + STUCK_S) == one
    later = noticing_stuck_loops(one, 1_001 + STUCK_S)
    assert (later["healthy"], later["reason"]) == (
        False,
        "stuck: its loop last went round 121 s ago",
    )
    both = noticing_stuck_loops({"healthy": True, "hops": [another, one]}, 5_000.0)
    assert not both["healthy"]
    assert [hop["healthy"] for hop in both["hops"]] == [True, False]
    metrics.LOOP.remove("still")


def test_a_taken_port_is_named() -> None:
    server = HealthServer("127.0.0.1", 0, lambda: {"healthy": True})
    try:
        port = int(server.address.rsplit(":", 1)[1])
        with pytest.raises(UsageError, match=f"{port}.*UNDERTONE_METRICS_PORT"):
            HealthServer("127.0.0.1", port, lambda: {"healthy": True})
    finally:
        server.close()
