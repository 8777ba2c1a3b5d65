"""Processes of the alert hop, killed at any moment and two at once: nothing lost, nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.alerts.detector_types import MINUTE_MS
from services.store import Store
from services.store.alerts import Alert, Alerts
from tests.alerting import START_MS, close
from tests.conftest import ROOT
from tests.integration.alert_bench import NS, alike, await_told, fill, raised, states, undisturbed
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration


@contextmanager
def process(url: str, folder: Path, lease_ms: int = 400) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.integration.alert_process", url, str(folder)]
    with (folder / "log").open("ab") as out:
        running = subprocess.Popen([*command, str(lease_ms)], cwd=ROOT, stdout=out, stderr=out)
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)


def await_judged(store: Store, until_ms: int, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while (Alerts(store).judged(NS).evaluated_ms or 0) < until_ms:
        assert time.monotonic() < deadline, "the hop does not get on"
        time.sleep(0.02)


def check_told(store: Store, folder: Path, expected: list[Alert]) -> None:
    """Nothing lost, nothing twice; what may have been is said so."""
    assert alike(raised(store)) == alike(expected)
    events = {f"{a.id}:{n}" for a in raised(store) for n in range(1, a.sequence + 1)}
    careful = Counter(line.split()[0] for line in (folder / "careful").read_text().splitlines())
    plain = Counter(line.split()[0] for line in (folder / "plain").read_text().splitlines())
    assert set(careful) == events
    assert not plain or max(plain.values()) == 1
    unsure = states(store, "plain")["uncertain"]
    assert len(events) - unsure <= len(plain) <= len(events)


def test_killed_at_any_moment(valkey: ValkeyServer, store: Store, tmp_path: Path) -> None:
    expected = undisturbed(valkey, store)
    rng, end = random.Random(3), fill(store)
    for at in range(START_MS, end, 40 * MINUTE_MS):
        with process(valkey.url, tmp_path):
            for until in range(at, at + 40 * MINUTE_MS, 5 * MINUTE_MS):
                close(store, NS, until)
            await_judged(store, at + MINUTE_MS)  # it is at work, and dies in the midst of it
            time.sleep(rng.uniform(0.0, 0.2))
    with process(valkey.url, tmp_path):
        close(store, NS, end, ended=True)
        await_judged(store, end)
        await_told(store, ("careful", "plain"))
    check_told(store, tmp_path, expected)


def test_two_at_once_and_one_is_killed(valkey: ValkeyServer, store: Store, tmp_path: Path) -> None:
    expected = undisturbed(valkey, store)
    end = fill(store)
    middle = START_MS + 120 * MINUTE_MS
    with process(valkey.url, tmp_path) as first:
        close(store, NS, START_MS + MINUTE_MS)
        await_judged(store, START_MS + MINUTE_MS)
        with process(valkey.url, tmp_path):
            for until in range(START_MS, middle + 1, 10 * MINUTE_MS):
                close(store, NS, until)
            await_judged(store, middle)
            first.kill()
            close(store, NS, end, ended=True)
            await_judged(store, end)
            await_told(store, ("careful", "plain"))
    check_told(store, tmp_path, expected)
