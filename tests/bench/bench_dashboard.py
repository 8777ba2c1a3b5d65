"""What the dashboard costs, and how long its readers wait.

    python -m tests.bench.bench_dashboard [--topics 10000] [--days 30] [--readers 50] [--seconds 15]

A real Valkey holds the panes of all topics (one in a hundred with a post each ten
seconds, most with a hundred posts a day), `undertone dashboard` serves them,
and another process reads: the overview in all its orders, and series from an
hour to 30 days. Each reader has one connection, and asks again a while after
each answer: a second (as pages do), a tenth of one, or at once (then the
number of readers alone decides how long each waits). Meanwhile 100 topics a
second have a post. Then idle live connections (`/events`) are held open, with
and without traffic. Server, readers, traffic and Valkey share the machine's
processors. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.dashboard_load import fill
from tests.bench.processor_time import Meter
from tests.servers.valkey import ValkeyServer

TRAFFIC = 100
"""Topics that have a post in a second."""
PAUSES_S = (1.0, 0.1, 0.0)
GOALS_MS = {"overview": 100, "series": 50}


@contextmanager
def dashboard(url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`undertone dashboard` over a store, as people start it; its process and port."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from services.cli import main; main()", "dashboard", "--port", "0"],
        env={**os.environ, "UNDERTONE_STORE_URL": url},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        found = re.search(r":(\d+)\s*$", process.stderr.readline())
        assert found, "the dashboard did not say where it is"
        yield process, int(found[1])
    finally:
        process.terminate()
        process.wait(10)


def beside(what: str, **arguments: Any) -> subprocess.Popen[str]:
    """Part of the load, in a process of its own."""
    words = [sys.executable, "-m", "tests.bench.dashboard_load", what, json.dumps(arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def reading(server: Server, readers: int, seconds: float, pause_s: float) -> dict[str, Any]:
    """p50 and p99 in milliseconds by kind of request, while topics move."""
    traffic = beside("traffic", **server.traffic(seconds + 1))
    load = beside(
        "read",
        port=server.port,
        topics=server.topics,
        readers=readers,
        seconds=seconds,
        pause_s=pause_s,
        packed=True,
    )
    with server.measured() as spent:
        out, _ = load.communicate(timeout=seconds + 60)
    traffic.wait(60)
    assert load.returncode == 0, "a reader was refused"
    timings = json.loads(out)
    figures: dict[str, Any] = {"readers": readers, "pause_s": pause_s}
    figures["requests_per_s"] = round(sum(map(len, timings.values())) / seconds)
    for kind, found in timings.items():
        found.sort()
        at = {name: found[int(len(found) * share)] for name, share in (("p50", 0.5), ("p99", 0.99))}
        figures |= {f"{kind}_{name}_ms": round(1000 * s, 1) for name, s in at.items()}
        figures[f"{kind}_met"] = figures[f"{kind}_p99_ms"] < GOALS_MS[kind]
    figures["cores"] = {name: round(s / seconds, 2) for name, s in spent.items()}
    requests = sum(map(len, timings.values()))
    figures["processor_ms_per_request"] = round(1000 * spent["dashboard"] / requests, 2)
    print(figures, flush=True)
    return figures


def idle(server: Server, connections: int, seconds: float, *, moving: bool) -> dict[str, Any]:
    """The server's share of a core while live connections wait."""
    held = None
    if connections:
        held = beside("hold", port=server.port, connections=connections, seconds=seconds + 20)
        assert held.stdout is not None
        assert held.stdout.readline() == "open\n"
    traffic = beside("traffic", **server.traffic(seconds + 6)) if moving else None
    time.sleep(5)
    with server.measured() as spent:
        time.sleep(seconds)
    if traffic is not None:
        traffic.wait(60)
    figures: dict[str, Any] = {"connections": connections, "topics_moving_per_s": TRAFFIC * moving}
    if held is not None:
        out, _ = held.communicate(timeout=120)
        figures["still_open"] = int(out)
    figures["percent_of_a_core"] = round(100 * spent["dashboard"] / seconds, 1)
    print(figures, flush=True)
    return figures


class Server:
    """The dashboard under measurement."""

    def __init__(self, valkey: ValkeyServer, pid: int, port: int, topics: int) -> None:
        self.port, self.topics = port, topics
        self._url = valkey.url
        self._meter = Meter({"dashboard": pid, "valkey": valkey.pid})

    def traffic(self, seconds: float) -> dict[str, Any]:
        moving = min(TRAFFIC, self.topics)
        return {
            "url": self._url,
            "topics": self.topics,
            "per_second": moving,
            "seconds": seconds,
        }

    @contextmanager
    def measured(self) -> Iterator[dict[str, float]]:
        """Processor seconds by process, filled in at the end."""
        spent: dict[str, float] = {}
        self._meter.start()
        yield spent
        self._meter.stop()
        spent |= self._meter.spent_s


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("topics", 10_000), ("days", 30), ("readers", 50), ("connections", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    print(f"load average {busy:.1f}: what else ran here costs everything alike", flush=True)
    valkey = ValkeyServer().start()
    try:
        store = valkey.open()
        begun = time.monotonic()
        fill(store, valkey.url, options.topics, options.days, time.time_ns() // 1_000_000)
        used = store.client.info("memory")[0]["used_memory"]
        print(f"filled in {time.monotonic() - begun:.0f} s, {used / 1e6:.0f} MB", flush=True)
        store.close()
        with dashboard(valkey.url) as (process, port):
            server = Server(valkey, process.pid, port, options.topics)
            reading(server, 2, 3, 0.0)  # the first look at all topics
            read = [reading(server, options.readers, options.seconds, s) for s in PAUSES_S]
            held = [
                idle(server, n, options.seconds, moving=moving)
                for n, moving in ((0, False), (options.connections, False))
            ]
            held.append(idle(server, options.connections, options.seconds, moving=True))
    finally:
        valkey.stop()
    line = {"bench": "dashboard", "topics": options.topics, "days": options.days}
    print(json.dumps({**line, "cpus": os.cpu_count(), "load": busy, "reading": read, "idle": held}))


if __name__ == "__main__":
    main()
