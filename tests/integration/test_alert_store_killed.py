"""The store is killed in the second that it has not written to the disk: nobody is told twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from services.alerts.deliver import Deliveries, Timing
from services.alerts.notify.port import Message
from services.alerts.notify.reach import make_reach
from services.alerts.notify.slack import Slack
from services.store.alerts import Alerts, Decided, Outgoing
from services.store.outbox import Delivery, Outbox
from services.stream.attempts import Backoff
from tests.conftest import missing
from tests.servers.slow_disk import PtraceMissing, no_answer
from tests.servers.valkey import ValkeyServer
from tests.simulators.hook import Answer, Hook
from tests.unit.alerts.messages import NOW, event

pytestmark = pytest.mark.integration
NS = "live"
QUICK = Timing(backoff=Backoff(0.02, 0.1), drain_s=0.5)
TOLD = event("opened")


class Deadly(Hook):
    """Kills somebody once it is asked."""

    victim = 0

    def next_answer(self) -> Answer:
        if self.victim:
            victim, self.victim = self.victim, 0
            os.kill(victim, signal.SIGKILL)
        return super().next_answer()


def leave(valkey: ValkeyServer, *, on_disk: bool = True) -> int:
    """An event for Slack; the token of who tells it."""
    store = valkey.open()
    alerts = Alerts(store)
    token = alerts.hold([NS], "test", 60_000)[NS]
    alerts.begin(NS, token, 0)
    outgoing = [Outgoing(TOLD, ("slack",))]
    alerts.commit(NS, token, None, Decided(NOW, events=outgoing, alerts=[TOLD.alert]))
    assert Outbox(store).make_durable(NS) == on_disk
    store.close()
    return token


@contextmanager
def telling(valkey: ValkeyServer, hook: Hook, token: int) -> Iterator[Deliveries]:
    """As a process of the alert hop does."""
    slack = Slack(hook.url(), make_reach(True, None, 5.0))
    deliveries = Deliveries(
        {"slack": slack},
        valkey.open,
        lambda _: lambda told: Message(told, "title", "text"),
        lambda _: ("slack",),
        QUICK,
    )
    deliveries.judge({NS: token})
    deliveries.wake()
    try:
        yield deliveries
    finally:
        deliveries.close()


def became(valkey: ValkeyServer) -> Delivery:
    store = valkey.open()
    try:
        return Outbox(store).deliveries(NS, [(TOLD.alert.id, TOLD.sequence)])[TOLD.key]["slack"]
    finally:
        store.close()


def until(is_so: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nobody_is_told_before_the_disk_has_it(own_valkey: ValkeyServer) -> None:
    """The claim is acknowledged, and lost with the server: whoever comes next finds none."""
    token = leave(own_valkey)
    with Hook() as hook:
        try:
            with no_answer(own_valkey), telling(own_valkey, hook, token):
                time.sleep(1.0)
                os.kill(own_valkey.pid, signal.SIGKILL)
        except PtraceMissing as error:
            missing(f"no thread of Valkey can be stopped: {error}")
        own_valkey.kill()
        own_valkey.start()
        assert became(own_valkey) == Delivery("pending"), "what was in memory alone is lost"
        with telling(own_valkey, hook, token):
            until(lambda: became(own_valkey).settled)
    assert became(own_valkey).state == "delivered"
    assert len(hook.asked) == 1


def test_who_told_of_it_knows_it_when_the_store_is_back(own_valkey: ValkeyServer) -> None:
    token = leave(own_valkey)
    with Deadly() as hook:
        hook.victim = own_valkey.pid
        with telling(own_valkey, hook, token):
            until(lambda: bool(hook.asked))
            own_valkey.kill()
            own_valkey.start()
            until(lambda: became(own_valkey).settled)
    assert became(own_valkey).state == "delivered"
    assert len(hook.asked) == 1


def test_both_are_killed_while_it_is_told(own_valkey: ValkeyServer) -> None:
    """Whoever comes next can't know whether Slack has it, and says so."""
    token = leave(own_valkey)
    with Deadly() as hook:
        hook.victim = own_valkey.pid
        with telling(own_valkey, hook, token):
            until(lambda: bool(hook.asked))
        own_valkey.kill()
        own_valkey.start()
        assert became(own_valkey).state == "claimed"
        with telling(own_valkey, hook, token):
            until(lambda: became(own_valkey).settled)
    assert became(own_valkey).state == "uncertain"
    assert len(hook.asked) == 1


def test_what_the_store_forgets_its_teller_knows(
    own_valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an append-only file nothing can be waited for, and that is said."""
    store = own_valkey.open()
    store.client.call("CONFIG", "SET", "appendonly", "no")
    token = leave(own_valkey, on_disk=False)
    before = {key: store.client.call("DUMP", key) for key in store.client.scan("*")}
    with Hook() as hook, telling(own_valkey, hook, token) as deliveries:
        until(lambda: became(own_valkey).settled)
        for key, value in before.items():
            store.client.call("RESTORE", key, 0, value, "REPLACE")
        assert became(own_valkey).state == "pending"
        deliveries.wake()
        until(lambda: became(own_valkey).settled)
        assert len(hook.asked) == 1
    assert "slack may be told twice" in caplog.text
    store.close()
