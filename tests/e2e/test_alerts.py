"""The same posts give the same alerts: a replay here, one on Kafka and Valkey, a back-test. And
the sample archive, through the trained networks, opens the one alert that it should."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.store import Store, open_store
from services.store.alerts import Alert, Alerts
from services.store.reader import Reader
from tests.e2e.product import REAL, Product, ended, stop, write_archive
from tests.e2e.sample import MEDIA, POSTS, TOPICS
from tests.e2e.test_same_figures import embedded, on_servers
from tests.servers.kafka import KafkaServer
from tests.servers.valkey import ValkeyServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
MINUTE = 60_000
RULES = """
alerts:
  - {kind: negative_share, false_alarms_per_week: 1000, resolves_at: 2000, resolve_after: 5m}
  - {kind: sentiment_drop, false_alarms_per_week: 1000, resolve_after: 5m, cool_down: 5m}
  - {kind: threshold, above: 0.4, window: 5m, resolve_after: 2m, cool_down: 1m, severity: info}
  - {kind: threshold, name: low, measure: mean_score, below: -0.05, resolves_at: 0, window: 5m}
"""


@contextmanager
def opened(product: Product) -> Iterator[Store]:
    store = open_store("embedded://", data_dir=product.folder / "data")
    try:
        yield store
    finally:
        store.close()


def raised(store: Store, namespace: str) -> list[dict[str, Any]]:
    """Oldest first, without what two namespaces or two moments of explaining make different."""
    found = [alike(msgspec.structs.asdict(a)) for a in Alerts(store).list(namespace, limit=-1)]
    return sorted(found, key=lambda a: (a["opened_ms"], a["topic"], a["rule"]))


def alike(alert: dict[str, Any]) -> dict[str, Any]:
    known = Alert.__struct_fields__
    return {k: alert[k] for k in known if k not in ("id", "namespace", "explanation")}


def await_judged(store: Store, namespace: str, within_s: float = 60) -> None:
    deadline, reader = time.monotonic() + within_s, Reader(store)
    while True:
        watermark = reader.watermark(namespace)
        judged = Alerts(store).judged(namespace).evaluated_ms
        if watermark.ended and judged is not None and judged > (watermark.ms or 0):
            return
        assert time.monotonic() < deadline, (watermark, judged)
        time.sleep(0.2)


def test_the_same_posts_give_the_same_alerts(
    tmp_path: Path, kafka: KafkaServer, valkey: ValkeyServer
) -> None:
    archive = write_archive(tmp_path / "archive", 1_500)
    topics = archive.parent / "topics.yaml"
    topics.write_text(topics.read_text() + RULES)
    replay = ["replay", str(archive), "--topics", str(topics), "--namespace", "same"]

    here = embedded(tmp_path / "here")
    here.run(*replay, "--no-dashboard")
    with opened(here) as store:
        ours = raised(store, "same")
    assert len(ours) >= 20
    assert {a["rule"] for a in ours} >= {"negative_share", "threshold", "low"}
    assert {a["state"] for a in ours} >= {"resolved"}

    lines = here.run("backtest", str(archive), "--topics", str(topics), "--json").stdout
    tested = [alike(json.loads(line)) for line in lines.splitlines()]
    assert tested == json.loads(json.dumps(ours))

    there = on_servers(tmp_path, kafka, valkey, "same-alerts.")
    there.run("streams", "create", "--partitions", "3")
    hops = [
        there.start("infer"),
        there.start("aggregate", log="aggregate1"),
        there.start("aggregate", log="aggregate2"),
        there.start("alert", "--topics", str(topics), log="alert1"),
        there.start("alert", "--topics", str(topics), log="alert2"),
    ]
    with ended(hops):
        there.run(*replay)
        remote = valkey.open()
        await_judged(remote, "same")
        theirs = raised(remote, "same")
        remote.close()
        assert stop(hops) == [0] * len(hops), there.logs()
    assert theirs == ours


def test_a_replay_that_is_repeated_raises_nothing_anew(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "archive", 600)
    topics = archive.parent / "topics.yaml"
    topics.write_text(topics.read_text() + RULES)
    here = embedded(tmp_path / "here")
    replay = ["replay", str(archive), "--topics", str(topics), "--namespace", "again"]
    here.run(*replay, "--no-dashboard")
    first = here.run("alerts", "list", "--namespace", "again", "--json").stdout
    here.run(*replay, "--no-dashboard")
    assert here.run("alerts", "list", "--namespace", "again", "--json").stdout == first
    alert = json.loads(first.splitlines()[0])
    shown = here.run("alerts", "show", alert["id"], "--namespace", "again").stdout
    assert alert["topic"] in shown
    assert "no alert" in here.run("alerts", "show", "none", status=2).stderr


def test_the_sample_opens_one_alert_where_the_mood_turns(tmp_path: Path) -> None:
    """Card payments fail at 15:04; the first 12 posts about it are there at 15:29."""
    png = tmp_path / "alerts.png"
    product = embedded(tmp_path / "here", program=REAL)
    lines = product.run(
        "backtest", str(POSTS), "--media", str(MEDIA), "--topics", str(TOPICS), "--json",
        "--png", str(png),
    ).stdout.splitlines()  # fmt: skip
    (alert,) = map(json.loads, lines)
    turned = 1_773_759_840_000
    """15:04 UTC."""
    assert (alert["topic"], alert["rule"], alert["events"][0]["kind"]) == (
        "Pennivane",
        "negative_share",
        "opened",
    )
    assert turned <= alert["onset_ms"] <= turned + 10 * MINUTE
    assert turned < alert["opened_ms"] <= turned + 26 * MINUTE
    assert alert["peak_observed"] > 0.7 > 0.3 > alert["expected"]
    why = alert["explanation"]
    assert why["posts"] >= 10
    assert why["authors"] >= 8
    assert why["until_ms"] > alert["opened_ms"], "explained anew as it went on"
    assert why["phrases"][0]["text"] == "#PennivaneDown"
    assert all(post["label"] == 0 for post in why["top_posts"])
    assert png.read_bytes().startswith(b"\x89PNG")
