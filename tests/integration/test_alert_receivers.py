"""Who is told of an alert: receivers that are away, refuse, forget, or belong to a dead process."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from services.alerts.books import Book, dump
from services.alerts.detector_types import MINUTE_MS
from services.alerts.notify.port import Rejected, TryLater, Uncertain
from services.store import Store
from services.store.alerts import Alerts
from services.store.outbox import Delivery, Outbox
from tests.alerting import START_MS, close
from tests.integration.alert_bench import (
    NS,
    QUICK,
    RULES,
    Told,
    await_told,
    fill,
    hop,
    judge,
    raised,
    states,
)
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration


def test_one_that_is_away_holds_nobody_up(valkey: ValkeyServer, store: Store) -> None:
    close(store, NS, fill(store), ended=True)
    away, there, strict = Told("away"), Told("there"), Told("strict")
    away.answers = [TryLater("away", "not now")] * 10_000
    strict.answers = [Rejected("strict", "never"), Uncertain("strict", "who knows")]
    receivers = {r.name: r for r in (away, there, strict)}
    made = hop(valkey, store, receivers, timing=replace(QUICK, drain_s=0.0))
    made.step()
    made.run_dry()
    await_told(store, ("there", "strict"))
    made.close()
    events = sum(alert.sequence for alert in raised(store))
    assert states(store, "there") == {"delivered": events}
    assert states(store, "away") == {"pending": events}
    assert states(store, "strict") == {"failed": 1, "uncertain": 1, "delivered": events - 2}
    away.answers = []
    judge(valkey, store, receivers=receivers)
    assert states(store, "away") == {"delivered": events}
    assert away.keys == there.keys


def test_an_event_claimed_by_a_dead_process(valkey: ValkeyServer, store: Store) -> None:
    close(store, NS, fill(store, minutes=80), ended=True)
    receivers = {"plain": Told("plain", repeats_are_dropped=False), "careful": Told("careful")}
    judge(valkey, store, told=tuple(receivers))
    outbox = Outbox(store)
    token = Alerts(store).hold([NS], "dead", 1)[NS]
    for name in receivers:
        outbox.write(token, outbox.waiting([NS], name)[0], Delivery("claimed", 1))
    time.sleep(0.01)
    deadline = time.monotonic() + 60
    while outbox.waiting([NS], "plain"):  # each claim waits for the disk
        assert time.monotonic() < deadline
        judge(valkey, store, receivers=receivers)
    events = sum(alert.sequence for alert in raised(store))
    assert states(store, "careful") == {"delivered": events}
    assert states(store, "plain") == {"uncertain": 1, "delivered": events - 1}
    assert len(receivers["careful"].keys) == events
    assert len(receivers["plain"].keys) == events - 1


def test_a_receiver_that_forgets_is_told_again_of_what_is_open(
    valkey: ValkeyServer, store: Store
) -> None:
    fill(store)
    close(store, NS, START_MS + 12 * MINUTE_MS)
    forgets = Told("forgets")
    forgets.resend_every_s = 0.1
    made = hop(valkey, store, {"forgets": forgets})
    made.step()
    made.run_dry()
    deadline = time.monotonic() + 10
    while max(Counter(forgets.keys).values(), default=0) < 3:
        assert time.monotonic() < deadline
        made.step(0.05)
    made.close()
    assert set(forgets.keys) == {f"{a.id}:{a.sequence}" for a in raised(store) if a.is_open}
    assert states(store, "forgets") == {"delivered": len(set(forgets.keys))}


def test_rules_say_who_is_told(valkey: ValkeyServer, store: Store) -> None:
    end = fill(store)
    mine = {t: (msgspec.structs.replace(given[0], tell=("slack",)),) for t, given in RULES.items()}
    Alerts(store).save_rules(NS, dump(Book(mine, {})))
    close(store, NS, end, ended=True)
    receivers = {"slack": Told("slack"), "email": Told("email")}
    judge(valkey, store, receivers=receivers)
    assert receivers["slack"].keys
    assert not receivers["email"].keys
