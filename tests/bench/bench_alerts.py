"""What one step of the alert hop costs: reading panes, detector, engine, writing, for many topics.

A live namespace in which every topic has posts in every minute: the dearest case. Steps of one
minute, as live; then a process that takes over, which reads the last two hours again.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from services.alerts.detector_types import MINUTE_MS
from services.alerts.follow import Follower, Wiring
from services.alerts.gaps import Gaps
from services.alerts.minutes import Minutes
from services.store import Store, schema
from services.store.alerts import Alerts
from services.store.reader import LIVE
from services.topics.rules import DEFAULT, Rule
from tests.servers.valkey import ValkeyServer

TOPICS = 10_000
HOURS = 3
STEPS = 20
START_MS = 1_700_000_000_000 // schema.HOUR_MS * schema.HOUR_MS
RULES = (
    *DEFAULT,
    Rule("volume", "negative_volume"),
    Rule("half", "threshold", above=0.9, window_ms=15 * MINUTE_MS),
)


def fill(store: Store) -> None:
    """Panes of a minute, six posts each on average, one in ten negative."""
    rng = random.Random(1)
    commands: list[tuple[object, ...]] = []
    for number in range(TOPICS):
        name = f"topic {number}"
        prefix = schema.topic_prefix("bench", name)
        for hour in range(HOURS):
            panes = []
            for place in range(60):
                posts = rng.randrange(2, 11)
                negative = sum(rng.random() < 0.1 for _ in range(posts))
                panes += [place, f"{negative} 0 {posts - negative} {posts * 3000} 0 0 0 0"]
            commands.append(("HSET", f"{prefix}1m:{START_MS // schema.HOUR_MS + hour}", *panes))
        commands.append(("HSET", prefix + "totals", "first_post", START_MS))
        newest = START_MS + HOURS * schema.HOUR_MS - 1
        commands.append(("ZADD", schema.namespace_prefix("bench") + "topics", newest, name))
        if len(commands) > 2_000:
            store.client.pipe(commands)
            commands.clear()
    store.client.pipe(commands)
    store.add_namespace("bench", LIVE, START_MS)


def follower(store: Store, alerts: Alerts, until_ms: int) -> Follower:
    rules = {f"topic {number}": RULES for number in range(TOPICS)}
    minutes = Minutes(store, "bench", rules)
    return Follower("bench", rules, Wiring(alerts, live="bench"), minutes, Gaps(), until_ms)


def measure(store: Store) -> dict[str, Any]:
    alerts = Alerts(store)
    token = alerts.hold(["bench"], "bench", 3_600_000)["bench"]
    alerts.begin("bench", token, 0)
    first = START_MS + HOURS * schema.HOUR_MS - STEPS * MINUTE_MS
    made = follower(store, alerts, first)
    began = time.perf_counter()
    while made.evaluated_ms < first:
        made.advance(token, first)
    behind = (time.perf_counter() - began) / (HOURS * 60 - STEPS)
    shares: dict[str, float] = defaultdict(float)
    undo = [
        _timed(made._bank, "step", "detector", shares),
        _timed(made._bank, "dump", "dump", shares),
        _timed(made._engine, "step", "engine", shares),
        _timed(made._thresholds, "step", "thresholds", shares),
        _timed(made._minutes, "_read", "reading", shares),
        _timed(alerts, "commit", "writing", shares),
    ]
    walls, cpus, theirs = [], [], _valkey_s(store)
    for step in range(STEPS):
        wall, cpu = time.perf_counter(), time.process_time()
        made.advance(token, first + (step + 1) * MINUTE_MS)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    theirs = (_valkey_s(store) - theirs) / STEPS
    for restore in undo:
        restore()
    began = time.process_time()
    follower(store, alerts, made.evaluated_ms)
    return {
        "topics": TOPICS,
        "step_s": round(statistics.median(walls), 3),
        "step_cpu_s": round(statistics.median(cpus), 3),
        "step_valkey_cpu_s": round(theirs, 3),
        "shares_s": {name: round(s / STEPS, 3) for name, s in sorted(shares.items())},
        "minute_when_behind_s": round(behind, 3),
        "take_over_cpu_s": round(time.process_time() - began, 1),
        "raised": len(alerts.list("bench", limit=-1)),
    }


def _timed(owner: Any, method: str, name: str, into: dict[str, float]) -> Callable[[], None]:
    original = getattr(owner, method)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            into[name] += time.perf_counter() - began

    setattr(owner, method, wrapped)
    return lambda: setattr(owner, method, original)


def _valkey_s(store: Store) -> float:
    (cpu,) = store.client.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def main() -> None:
    server = ValkeyServer().start()
    try:
        store = server.open()
        fill(store)
        print(json.dumps({"bench": "alerts", **measure(store)}))
        store.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
