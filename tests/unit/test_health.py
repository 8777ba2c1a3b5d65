"""The health server answers what the worker says of itself."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from services.errors import UsageError
from services.health import HealthServer


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


def test_a_taken_port_is_named() -> None:
    server = HealthServer("127.0.0.1", 0, lambda: {"healthy": True})
    try:
        port = int(server.address.rsplit(":", 1)[1])
        with pytest.raises(UsageError, match=f"{port}.*UNDERTONE_METRICS_PORT"):
            HealthServer("127.0.0.1", port, lambda: {"healthy": True})
    finally:
        server.close()
