"""Alerts on live figures: what the past teaches, gaps of a source, rules that are edited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.alerts.books import Books
from services.alerts.deliver import Deliveries
from services.alerts.detector_types import MINUTE_MS, Minute
from services.alerts.follow import Wiring, nobody
from services.alerts.hop import AlertHop, Options
from services.alerts.notify.port import Message
from services.ingest.gaps import Gap, Status
from services.store import Store, sources
from services.store.alerts import Alerts
from services.stream.attempts import Backoff
from services.topics import Topics, parse_topics
from tests.alerting import START_MS, Plain, close, put
from tests.integration.alert_bench import raised
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration

LIVE_RULES = "alerts: [{kind: threshold, above: 0.5, window: 5m, resolve_after: 2m}]\n"


def live(valkey: ValkeyServer, store: Store, current: Callable[[], Topics]) -> AlertHop:
    return AlertHop(
        store,
        Options(namespaces=("live",), lease_ms=300, poll_s=0.0),
        Books(Alerts(store), "live", current).rules,
        Wiring(Alerts(store), make_bank=Plain),
        Deliveries({}, valkey.open, lambda _: lambda e: Message(e, "", ""), nobody),
        backoff=Backoff(0.01, 0.05),
    )


def judge_live(made: AlertHop) -> None:
    made.step()
    made.run_dry()


def test_the_past_of_a_live_namespace_teaches_and_raises_nothing(
    valkey: ValkeyServer, store: Store
) -> None:
    topics = parse_topics("topics: {a: b}\n" + LIVE_RULES, "t.yaml")
    bad = [Minute(8, 0, 2, 0)] * 10
    calm = [Minute(1, 0, 9, 0)] * 20
    put(store, "live", "a", START_MS, [*bad, *calm])
    close(store, "live", START_MS + 30 * MINUTE_MS)
    made = live(valkey, store, lambda: topics)
    judge_live(made)
    assert raised(store, "live") == []
    put(store, "live", "a", START_MS + 30 * MINUTE_MS, bad)
    close(store, "live", START_MS + 40 * MINUTE_MS)
    judge_live(made)
    made.close()
    (alert,) = raised(store, "live")
    assert alert.opened_ms == START_MS + 33 * MINUTE_MS  # 26 of the last 50


def test_a_gap_of_a_source_is_no_calm(valkey: ValkeyServer, store: Store) -> None:
    topics = parse_topics("topics: {a: b}\n" + LIVE_RULES, "t.yaml")
    made = live(valkey, store, lambda: topics)
    close(store, "live", START_MS)
    judge_live(made)
    put(store, "live", "a", START_MS, [Minute(8, 0, 2, 0)] * 5)
    away = Gap(START_MS + 5 * MINUTE_MS, START_MS + 20 * MINUTE_MS, "lost", False)
    status = Status("s", True, 0, "", "", 0, 0, 0, 0, 0, (away,))
    sources.publish_status(store.client, "live", "s", status.to_json())
    close(store, "live", START_MS + 20 * MINUTE_MS)
    judge_live(made)
    (alert,) = raised(store, "live")
    assert alert.state == "open"
    close(store, "live", START_MS + 23 * MINUTE_MS)
    judge_live(made)
    made.close()
    (alert,) = raised(store, "live")
    assert alert.resolved_ms == START_MS + 22 * MINUTE_MS


def test_edited_rules_hold_from_then_on(valkey: ValkeyServer, store: Store) -> None:
    topics = [parse_topics("topics: {a: b}\n" + LIVE_RULES, "t.yaml")]
    made = live(valkey, store, lambda: topics[0])
    close(store, "live", START_MS)
    judge_live(made)
    put(store, "live", "a", START_MS, [Minute(8, 0, 2, 0)] * 30)
    close(store, "live", START_MS + 10 * MINUTE_MS)
    judge_live(made)
    topics[0] = parse_topics("topics: {a: b}\nalerts: []\n", "t.yaml")
    close(store, "live", START_MS + 20 * MINUTE_MS)
    judge_live(made)
    made.close()
    (alert,) = raised(store, "live")
    assert alert.resolved_ms == START_MS + 11 * MINUTE_MS
