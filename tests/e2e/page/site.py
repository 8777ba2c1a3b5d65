"""A dashboard on real figures, and hands to change them: what the page's tests share."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from services.aggregation.stage import AggregationStage, Options
from services.records import AnyRecord, Scored, Watermark
from services.store import Store
from services.store.alerts import Alert, Alerts, Decided, Explanation, alert_id
from tests.e2e.product import Product, ended, stop
from tests.e2e.sample import NAMESPACE as DEMO
from tests.scores import SCORES, START_MS, everything, scored, send, streams
from tests.servers.local import free_port
from tests.servers.valkey import ValkeyServer

START_S = 30.0
MINUTE_MS = 60_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Site:
    """`undertone dashboard` over an installation's Valkey."""

    def __init__(self, product: Product, store: ValkeyServer) -> None:
        self.product = product
        self.port = free_port()
        self.store = store.open()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._rolling: dict[str, dict[str, Any]] = {}

    def start(self) -> None:
        """Serve, at the same port as before."""
        self._process = self.product.start("dashboard", "--port", str(self.port))
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, self.product.logs()
            assert time.monotonic() < deadline, self.product.logs()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """`kill -9`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        if self._process is not None:
            with ended([self._process]):
                stop([self._process])
        self.store.close()

    def ask(self, path: str) -> Any:
        """What the API answers."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)

    def rolling(self, window: str) -> dict[str, Any]:
        """By topic of the demo, what `undertone rolling --json` says."""
        if window not in self._rolling:
            found = self.product.json("rolling", "--namespace", DEMO, "--window", window)
            self._rolling[window] = found["topics"]
        return self._rolling[window]


class Feed:
    """An aggregator at work in a namespace, fed with posts that are scored already."""

    def __init__(self, store: Store, namespace: str) -> None:
        self.store, self.namespace = store, namespace
        self._streams = streams()
        self._stage = AggregationStage(store, self._streams, Options(SCORES))
        self._at = self._stage.assigned([0])[0]
        self._count = 0

    def add(self, topic: str, number: int = 1, **how: Any) -> list[Scored]:
        """So many posts of now, counted when this returns; `how` are fields of `Scored`."""
        made = [self._post(topic, how) for _ in range(number)]
        newest = max(post.created_at_ms for post in made)
        self.pass_on([*made, Watermark(self.namespace, 0, 1, newest)])
        return made

    def _post(self, topic: str, how: dict[str, Any]) -> Scored:
        self._count += 1
        name = f"{self.namespace}{self._count}"
        created = how.get("created_at_ms", now_ms() - 500)
        post = scored(name, created - START_MS, topic=topic, namespace=self.namespace, author=name)
        return replace(post, **how)

    def pass_on(self, items: Sequence[AnyRecord]) -> None:
        """As the aggregation hop does: count, keep the place, write the windows."""
        send(self._streams, items)
        self._stage.submit(everything(self._streams, 0)[self._at :]).result()
        self._at = self._streams.ends(SCORES)[0]
        self._stage.flush({0: self._at})
        self._stage.settle()

    def raise_alert(self, topic: str, severity: str = "critical") -> Alert:
        """As the alert hop does."""
        alerts, at = Alerts(self.store), now_ms() // MINUTE_MS * MINUTE_MS
        onset = at - 5 * MINUTE_MS
        alert = Alert(
            id=alert_id(self.namespace, topic, "mood", onset),
            namespace=self.namespace, topic=topic, rule="mood", kind="negative_share",
            severity=severity, state="open",  # type: ignore[arg-type]
            onset_ms=onset, opened_ms=at, changed_ms=at, resolved_ms=None,
            observed=0.75, expected=0.2, low=0.05, high=0.4, per_week=0.01,
            posts=40, negative=30, peak_observed=0.8, peak_ms=at,
            explanation=Explanation(authors=30, posts=40, repost_share=0.25, top_author_share=0.1),
        )  # fmt: skip
        token = alerts.hold([self.namespace], "test", 10_000)[self.namespace]
        judged = alerts.judged(self.namespace).evaluated_ms
        alerts.commit(self.namespace, token, judged, Decided(at, at, [alert]))
        return alert
