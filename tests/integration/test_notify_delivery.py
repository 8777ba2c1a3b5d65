"""From the outbox of a real store through real receivers to servers that misbehave: nothing lost,
nothing told twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event

import pytest

from services.alerts import deliver, line
from services.alerts.deliver import Deliveries, Timing
from services.alerts.message import Writer
from services.alerts.notify.port import Message, Receiver
from services.alerts.notify.reach import make_reach
from services.alerts.notify.slack import Slack
from services.alerts.notify.webhook import Webhook
from services.store import Store
from services.store.alerts import AlertEvent, Alerts, Decided, Outgoing
from services.store.outbox import Delivery, Outbox
from services.store.reader import Reader
from services.stream.attempts import Backoff
from tests.integration.alert_bench import Told
from tests.servers.valkey import ValkeyServer
from tests.simulators.hook import Answer, Hook
from tests.unit.alerts.messages import NOW, event

pytestmark = pytest.mark.integration
NS = "live"
SECRET = "a secret of some length"
QUICK = Timing(backoff=Backoff(0.02, 0.1), drain_s=0.5)


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    opened = valkey.open()
    yield opened
    opened.close()


def leave(store: Store, *events: AlertEvent, receivers: tuple[str, ...]) -> int:
    """Put events into the outbox, as the alert hop does; the token of who holds the lease."""
    alerts = Alerts(store)
    token = alerts.hold([NS], "test", 60_000)[NS]
    alerts.begin(NS, token, 0)
    outgoing = [Outgoing(event, receivers) for event in events]
    alerts.commit(NS, token, None, Decided(NOW, events=outgoing, alerts=[events[-1].alert]))
    return token


def tell(
    valkey: ValkeyServer,
    receivers: Mapping[str, Receiver],
    token: int,
    until: Callable[[], bool],
    makes: line.Makes = lambda own: Writer(Reader(own)),
) -> None:
    """Deliver until that is so."""
    deliveries = Deliveries(
        receivers,
        valkey.open,
        makes,
        lambda _: tuple(receivers),
        QUICK,
    )
    deliveries.judge({NS: token})
    deliveries.wake()
    deadline = time.monotonic() + 20
    while not until() and time.monotonic() < deadline:
        time.sleep(0.02)
    deliveries.close()


def became(store: Store, told: AlertEvent, receiver: str) -> Delivery:
    found = Outbox(store).deliveries(NS, [(told.alert.id, told.sequence)])
    return found[told.key][receiver]


def settled(store: Store, *told: AlertEvent, receivers: tuple[str, ...]) -> Callable[[], bool]:
    return lambda: all(became(store, one, name).settled for one in told for name in receivers)


def test_a_webhook_that_fails_in_every_way_is_told_once(valkey: ValkeyServer, store: Store) -> None:
    told = event("opened"), event("worsened"), event("resolved")
    answers = [
        Answer(500),
        Answer(way="close"),
        Answer(429, headers={"Retry-After": "1"}),
        Answer(way="hang"),
        Answer(503),
    ]
    token = leave(store, *told, receivers=("webhook",))
    with Hook(*answers) as hook:
        reach = make_reach(True, None, 3.0)
        receiver = Webhook(hook.url(), SECRET, reach, lambda: NOW)
        began = time.monotonic()
        tell(valkey, {"webhook": receiver}, token, settled(store, *told, receivers=("webhook",)))
        took = time.monotonic() - began
    keys = [asked.headers["idempotency-key"] for asked in hook.asked]
    assert keys == [told[0].key] * 6 + [told[1].key, told[2].key], "in order, the first six times"
    assert len({asked.body for asked in hook.asked[:6]}) == 1, "each try is the same message"
    assert took > 1.0, "it waited as it was asked to"
    assert {became(store, one, "webhook").state for one in told} == {"delivered"}
    assert became(store, told[0], "webhook").attempts == 6


def test_slack_without_an_answer_is_not_told_again(valkey: ValkeyServer, store: Store) -> None:
    told = event("opened"), event("worsened"), event("resolved")
    token = leave(store, *told, receivers=("slack",))
    with Hook(Answer(way="hang"), Answer(404, b"no_service")) as hook:
        receiver = Slack(hook.url(), make_reach(True, None, 1.0))
        tell(valkey, {"slack": receiver}, token, settled(store, *told, receivers=("slack",)))
    assert len(hook.asked) == 3
    states = [became(store, one, "slack").state for one in told]
    assert states == ["uncertain", "failed", "delivered"]
    assert "no_service" in became(store, told[1], "slack").error
    for one in told:
        assert "secret-path" not in became(store, one, "slack").error


def test_a_fault_of_ours_is_said_and_tried_again(
    valkey: ValkeyServer,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A line that ended would tell nobody any more."""
    monkeypatch.setattr(line, "STUMBLE_S", 0.1)
    told, faults = event("opened"), [RuntimeError("nobody foresaw this")]

    def write(one: AlertEvent) -> Message:
        if faults:
            raise faults.pop()
        return Message(one, "title", "text")

    token = leave(store, told, receivers=("slack",))
    with Hook() as hook:
        receiver = Slack(hook.url(), make_reach(True, None, 3.0))
        is_told = settled(store, told, receivers=("slack",))
        tell(valkey, {"slack": receiver}, token, is_told, lambda _: write)
    assert became(store, told, "slack").state == "delivered"
    assert "nobody foresaw this" in caplog.text


class Hanging(Told):
    """Takes what it is told once `over` is set."""

    def __init__(self, name: str, over: Event) -> None:
        super().__init__(name)
        self.asked, self._over = Event(), over

    def send(self, message: Message) -> None:
        self.asked.set()
        self._over.wait(60)


def test_those_who_hang_at_the_end_are_waited_for_together(
    valkey: ValkeyServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "LAST_SEND_S", 0.5)
    over = Event()
    hanging = {name: Hanging(name, over) for name in "abcdefghij"}
    token = leave(store, event("opened"), receivers=tuple(hanging))
    deliveries = Deliveries(
        hanging, valkey.open, lambda own: Writer(Reader(own)), lambda _: tuple(hanging), QUICK
    )
    deliveries.judge({NS: token})
    deliveries.wake()
    assert all(one.asked.wait(20) for one in hanging.values())
    began = time.monotonic()
    deliveries.close()
    took = time.monotonic() - began
    over.set()
    deliveries.close()
    assert took < 5, "ten times a second, one after the other"


def test_a_receiver_that_hangs_delays_no_other(valkey: ValkeyServer, store: Store) -> None:
    told = event("opened")
    token = leave(store, told, receivers=("slack", "webhook"))
    with Hook(Answer(way="hang")) as slow, Hook() as quick:
        receivers: dict[str, Receiver] = {
            "slack": Slack(slow.url(), make_reach(True, None, 3.0)),
            "webhook": Webhook(quick.url(), SECRET, make_reach(True, None, 3.0), lambda: NOW),
        }
        began = time.monotonic()
        tell(valkey, receivers, token, lambda: bool(quick.asked))
        assert quick.asked
        assert time.monotonic() - began < 8
    assert json.loads(quick.asked[0].body)["title"].startswith("acme: 46% of posts")
