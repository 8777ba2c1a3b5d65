"""The alert hop on a real store: restarts, two at once, repeats, receivers that are away."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.alerts.books import Book, Books, dump
from services.alerts.deliver import Deliveries, Timing
from services.alerts.detector import Bank
from services.alerts.detector_types import MINUTE_MS, Minute
from services.alerts.follow import Wiring, nobody
from services.alerts.hop import AlertHop, Options
from services.alerts.notify.port import Message, Rejected, TryLater, Uncertain
from services.errors import Rewound
from services.ingest.gaps import Gap, Status
from services.store import Store, sources
from services.store.alerts import Alert, Alerts, Decided
from services.store.outbox import Delivery, Outbox
from services.stream.attempts import Backoff
from services.topics import Topics, parse_topics
from services.topics.rules import Rule
from tests.alerting import START_MS, Plain, close, moods, put
from tests.conftest import ROOT
from tests.servers.valkey import ValkeyCluster, ValkeyServer

pytestmark = pytest.mark.integration
NS = "replay-a"
TOPICS = {f"topic {n}": n for n in range(3)}
RULES = {
    topic: (
        Rule(
            "mood",
            "negative_share",
            resolve_after_ms=3 * MINUTE_MS,
            cool_down_ms=MINUTE_MS,
            worsens_by=1.05,
        ),
    )
    for topic in TOPICS
}
QUICK = Timing(backoff=Backoff(0.02, 0.1), drain_s=0.5)


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    opened = valkey.open()
    yield opened
    opened.close()


def fill(store: Store, namespace: str = NS, minutes: int = 240) -> int:
    """Panes of all topics, and the rules; the end of the last minute."""
    for topic, seed in TOPICS.items():
        put(store, namespace, topic, START_MS, moods(minutes, seed))
    Alerts(store).save_rules(namespace, dump(Book(dict(RULES), {})))
    return START_MS + minutes * MINUTE_MS


Server = ValkeyServer | ValkeyCluster


def hop(
    valkey: Server,
    store: Store,
    receivers: Mapping[str, Any] | None = None,
    told: tuple[str, ...] = (),
    make_bank: Callable[[], Any] = Plain,
) -> AlertHop:
    """`told`: receivers that this process does not have."""
    given = receivers or {}
    told = (*given, *told)
    telling = Deliveries(
        given, valkey.open, lambda _: lambda e: Message(e, "", ""), lambda _: told, QUICK
    )
    return AlertHop(
        store,
        Options(lease_ms=300, poll_s=0.0),
        Books(Alerts(store), "live", None).rules,
        Wiring(Alerts(store), make_bank=make_bank, told=lambda _: told),
        telling,
        backoff=Backoff(0.01, 0.05),
    )


def judge(valkey: Server, store: Store, **more: Any) -> None:
    """Everything that is closed, by a hop of its own."""
    made = hop(valkey, store, **more)
    made.step()
    made.run_dry()
    made.close()


def raised(store: Store, namespace: str = NS) -> list[Alert]:
    found = Alerts(store).list(namespace, limit=10_000)
    return sorted(found, key=lambda a: (a.opened_ms, a.topic))


def alike(alerts: list[Alert]) -> list[Alert]:
    """Without what the namespace's name makes different."""
    return [msgspec.structs.replace(alert, id="", namespace="") for alert in alerts]


@pytest.fixture
def expected(valkey: ValkeyServer, store: Store) -> list[Alert]:
    """What one process raises that is never disturbed, in a namespace of its own."""
    close(store, "undisturbed", fill(store, "undisturbed"), ended=True)
    judge(valkey, store)
    found = raised(store, "undisturbed")
    assert len(found) >= 12
    assert any(alert.sequence > 2 for alert in found)
    return found


# -- going on ---------------------------------------------------------------------------


def test_minute_by_minute_is_as_all_at_once(
    valkey: ValkeyServer, store: Store, expected: list[Alert]
) -> None:
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


def test_a_new_process_every_few_minutes_is_as_one(
    valkey: ValkeyServer, store: Store, expected: list[Alert]
) -> None:
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
    valkey: ValkeyServer, store: Store, tmp_path: Path
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


# -- who may write ----------------------------------------------------------------------


def test_only_the_holder_writes_and_only_where_it_left_off(store: Store) -> None:
    alerts = Alerts(store)
    first = alerts.hold([NS], "first", 40)[NS]
    assert alerts.hold([NS], "second", 40) == {}
    time.sleep(0.06)
    second = alerts.hold([NS], "second", 5_000)[NS]
    with pytest.raises(Rewound):
        alerts.commit(NS, first, None, Decided(START_MS))
    alerts.commit(NS, second, None, Decided(START_MS))
    with pytest.raises(Rewound):
        alerts.commit(NS, second, None, Decided(START_MS + MINUTE_MS))
    assert alerts.evaluated([NS, "other"]) == {NS: START_MS, "other": None}
    alerts.release([NS], "second")
    assert alerts.hold([NS], "third", 5_000)


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


# -- live -------------------------------------------------------------------------------

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


# -- receivers --------------------------------------------------------------------------


class Told:
    """A receiver whose answers a test decides."""

    resend_every_s: float | None = None

    def __init__(self, name: str, *, repeats_are_dropped: bool = True) -> None:
        self.name, self.repeats_are_dropped = name, repeats_are_dropped
        self.keys: list[str] = []
        self.answers: list[Exception] = []

    def send(self, message: Message) -> None:
        if self.answers:
            raise self.answers.pop(0)
        self.keys.append(message.key)

    def close(self) -> None: ...


def states(store: Store, receiver: str) -> Counter[str]:
    found = [(a.id, n) for a in raised(store) for n in range(1, a.sequence + 1)]
    told = Outbox(store).deliveries(NS, found)
    return Counter(held[receiver].state for held in told.values())


def test_one_that_is_away_holds_nobody_up(valkey: ValkeyServer, store: Store) -> None:
    close(store, NS, fill(store), ended=True)
    away, there, strict = Told("away"), Told("there"), Told("strict")
    away.answers = [TryLater("away", "not now")] * 10_000
    strict.answers = [Rejected("strict", "never"), Uncertain("strict", "who knows")]
    receivers = {r.name: r for r in (away, there, strict)}
    began = time.monotonic()
    judge(valkey, store, receivers=receivers)
    assert time.monotonic() - began < 10
    events = sum(alert.sequence for alert in raised(store))
    assert states(store, "there") == {"delivered": events}
    assert states(store, "away") == {"pending": events}
    assert states(store, "strict") == {"failed": 1, "uncertain": 1, "delivered": events - 2}
    away.answers = []
    judge(valkey, store, receivers=receivers)
    assert states(store, "away") == {"delivered": events}
    assert away.keys == there.keys


def test_an_event_claimed_by_a_dead_process(valkey: ValkeyServer, store: Store) -> None:
    close(store, NS, fill(store), ended=True)
    receivers = {"plain": Told("plain", repeats_are_dropped=False), "careful": Told("careful")}
    judge(valkey, store, told=tuple(receivers))
    outbox = Outbox(store)
    token = Alerts(store).hold([NS], "dead", 1)[NS]
    for name in receivers:
        outbox.write(token, outbox.waiting([NS], name)[0], Delivery("claimed", 1))
    time.sleep(0.01)
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


# -- killed -----------------------------------------------------------------------------


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


def await_told(store: Store, receivers: tuple[str, ...], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while any(Outbox(store).waiting([NS], receiver) for receiver in receivers):
        assert time.monotonic() < deadline, "something is never told"
        time.sleep(0.05)


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


def test_killed_at_any_moment(
    valkey: ValkeyServer, store: Store, expected: list[Alert], tmp_path: Path
) -> None:
    rng, end = random.Random(3), fill(store)
    at, kills = START_MS, 0
    while at < end:
        with process(valkey.url, tmp_path):
            at = min(end, at + 60 * MINUTE_MS)
            for until in range(at - 60 * MINUTE_MS, at + 1, 5 * MINUTE_MS):
                close(store, NS, until)
                time.sleep(0.01)
            if at < end:
                time.sleep(1.2 + rng.random())
                kills += 1
            else:
                close(store, NS, end, ended=True)
                await_judged(store, end)
                await_told(store, ("careful", "plain"))
    assert kills >= 3
    check_told(store, tmp_path, expected)


def test_two_at_once_and_one_is_killed(
    valkey: ValkeyServer, store: Store, expected: list[Alert], tmp_path: Path
) -> None:
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
            killed = time.monotonic()
            close(store, NS, end, ended=True)
            await_judged(store, end)
            assert time.monotonic() - killed < 10
            await_told(store, ("careful", "plain"))
    check_told(store, tmp_path, expected)
