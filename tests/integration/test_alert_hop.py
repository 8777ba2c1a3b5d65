"""The alert hop on a real store: however it is interrupted, the same alerts; who may write them."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from services.alerts.books import Book, dump
from services.alerts.detector import Bank
from services.alerts.detector_types import MINUTE_MS, Minute
from services.errors import Rewound
from services.store import Store
from services.store.alerts import Alerts, Decided
from tests.alerting import START_MS, close, put
from tests.integration.alert_bench import (
    NS,
    RULES,
    Told,
    alike,
    fill,
    hop,
    judge,
    raised,
    undisturbed,
)
from tests.servers.valkey import ValkeyCluster, ValkeyServer

pytestmark = pytest.mark.integration


def test_minute_by_minute_is_as_all_at_once(valkey: ValkeyServer, store: Store) -> None:
    expected = undisturbed(valkey, store)
    end = fill(store)
    made = hop(valkey, store)
    for until in range(START_MS, end + 1, 7 * MINUTE_MS):
        close(store, NS, until + 20_000)
        made.step()
        made.run_dry()
    close(store, NS, end, ended=True)
    made.run_dry()
    made.close()
    assert alike(raised(store)) == alike(expected)


def test_a_new_process_every_few_minutes_is_as_one(valkey: ValkeyServer, store: Store) -> None:
    expected = undisturbed(valkey, store)
    end = fill(store)
    for until in range(START_MS, end + 1, 17 * MINUTE_MS):
        close(store, NS, until)
        judge(valkey, store)
    close(store, NS, end, ended=True)
    judge(valkey, store)
    assert alike(raised(store)) == alike(expected)


def test_the_detector_that_ships_goes_on_where_it_was(valkey: ValkeyServer, store: Store) -> None:
    for namespace, every in (("whole", 420), ("broken", 83)):
        end = fill(store, namespace, 420)
        for until in range(START_MS, end + 1, every * MINUTE_MS):
            close(store, namespace, until)
            judge(valkey, store, make_bank=Bank)
        close(store, namespace, end, ended=True)
        judge(valkey, store, make_bank=Bank)
    assert len(raised(store, "whole")) >= 10
    assert alike(raised(store, "whole")) == alike(raised(store, "broken"))


def test_repeated_into_the_same_namespace_it_raises_nothing_new(
    valkey: ValkeyServer, store: Store
) -> None:
    close(store, NS, fill(store), ended=True)
    told = Told("told")
    judge(valkey, store, receivers={"told": told})
    before, events = raised(store), list(told.keys)
    judge(valkey, store, receivers={"told": told})
    assert raised(store) == before
    assert told.keys == events
    assert max(Counter(events).values()) == 1
    assert len(events) == sum(alert.sequence for alert in before)


def test_years_of_silence_are_skipped(valkey: ValkeyServer, store: Store) -> None:
    bad = [Minute(20, 0, 2, 0)] * 5
    late = START_MS + 1000 * 86_400_000
    put(store, NS, "topic 0", START_MS, bad)
    put(store, NS, "topic 0", late, bad)
    Alerts(store).save_rules(NS, dump(Book(dict(RULES), {})))
    close(store, NS, late + 5 * MINUTE_MS, ended=True)
    began = time.monotonic()
    judge(valkey, store)
    assert time.monotonic() - began < 5
    assert [alert.opened_ms > late for alert in raised(store)] == [False, True]
    assert Alerts(store).judged(NS).evaluated_ms == late + 5 * MINUTE_MS


def test_only_the_holder_writes_and_only_where_it_left_off(store: Store) -> None:
    alerts = Alerts(store)
    alerts.hold([NS], "first", 60_000)
    assert alerts.hold([NS], "second", 60_000) == {}
    first = alerts.hold([NS], "first", 1)[NS]
    time.sleep(0.01)
    second = alerts.hold([NS], "second", 60_000)[NS]
    with pytest.raises(Rewound):
        alerts.commit(NS, first, None, Decided(START_MS))
    alerts.commit(NS, second, None, Decided(START_MS))
    with pytest.raises(Rewound):
        alerts.commit(NS, second, None, Decided(START_MS + MINUTE_MS))
    assert alerts.evaluated([NS, "other"]) == {NS: START_MS, "other": None}
    alerts.release([NS], "second")
    assert alerts.hold([NS], "third", 60_000)


def test_the_aggregator_keeps_what_is_not_judged(valkey: ValkeyServer, store: Store) -> None:
    end = fill(store)
    assert store.judged_ms(NS) is None
    close(store, NS, START_MS)
    judge(valkey, store)
    assert store.judged_ms(NS) in (0, START_MS)
    close(store, NS, end, ended=True)
    judge(valkey, store)
    assert store.judged_ms(NS) == end
    assert store.floor_ms(NS) is None


def test_on_a_cluster() -> None:
    cluster = ValkeyCluster().start()
    try:
        store = cluster.open()
        told = Told("told")
        close(store, NS, fill(store, minutes=90), ended=True)
        judge(cluster, store, receivers={"told": told})
        assert len(told.keys) == sum(alert.sequence for alert in raised(store)) > 6
        store.close()
    finally:
        cluster.stop()
