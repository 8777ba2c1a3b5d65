"""Alerts in a real Alertmanager: they open, stay, change, end, and are told on as one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.alerts.notify.alertmanager import Alertmanager
from services.alerts.notify.port import Message, Rejected
from services.alerts.notify.reach import make_reach
from services.alerts.trial import trial_message
from tests.conftest import missing
from tests.servers.alertmanager import AlertmanagerServer
from tests.servers.local import ServerMissing
from tests.simulators.hook import Answer, Hook
from tests.unit.alerts.messages import MINUTE, message

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    """What Alertmanager tells."""
    with Hook() as found:
        yield found


@pytest.fixture(scope="module")
def server(hook: Hook) -> Iterator[AlertmanagerServer]:
    try:
        started = AlertmanagerServer(hook.url("/told")).start()
    except ServerMissing as error:
        missing(f"no Alertmanager: {error}")
    yield started
    started.stop()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def receiver(server: AlertmanagerServer) -> Alertmanager:
    return Alertmanager(server.url, make_reach(True, None, 5.0), now_ms)


def lately(kind: str, topic: str, **changes: object) -> Message:
    """As `message`, with times that end now."""
    now = now_ms()
    over = now - 1000 if kind == "resolved" else None
    times = {"onset_ms": now - 12 * MINUTE, "changed_ms": now - 1000, "resolved_ms": over}
    return message(kind, topic=topic, **times | changes)


def told(hook: Hook, topic: str, status: str, within_s: float = 10.0) -> dict[str, str]:
    """The annotations of the alert, once Alertmanager has told of it."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for asked in hook.asked:
            for alert in json.loads(asked.body)["alerts"]:
                if alert["labels"]["topic"] == topic and alert["status"] == status:
                    return dict(alert["annotations"])
        time.sleep(0.05)
    raise AssertionError(f"{topic} was never told as {status}")


def test_an_alert_opens_changes_and_ends_as_one(server: AlertmanagerServer, hook: Hook) -> None:
    sender = receiver(server)
    opened = lately("opened", "acme")
    sender.send(opened)
    sender.send(opened)
    (held,) = server.alerts()
    assert held["labels"] == {
        "alertname": "UndertoneNegativeShare",
        "service": "undertone",
        "namespace": "live",
        "topic": "acme",
        "rule": "mood",
        "severity": "critical",
    }
    assert held["generatorURL"] == opened.link
    assert held["status"]["state"] == "active"
    assert told(hook, "acme", "firing")["summary"] == opened.title
    sender.send(lately("worsened", "acme"))
    (again,) = server.alerts()
    assert again["fingerprint"] == held["fingerprint"]
    assert again["annotations"]["state"] == "worse"
    over = lately("resolved", "acme")
    sender.send(over)
    assert server.alerts() == []
    assert told(hook, "acme", "resolved")["summary"] == over.title


def test_what_is_open_ends_an_hour_from_now_unless_sent_again(server: AlertmanagerServer) -> None:
    sender = receiver(server)
    sender.send(lately("opened", "open"))
    (first,) = (a for a in server.alerts() if a["labels"]["topic"] == "open")
    time.sleep(0.05)
    sender.send(lately("opened", "open"))
    (second,) = (a for a in server.alerts() if a["labels"]["topic"] == "open")
    assert first["endsAt"] < second["endsAt"]
    assert second["startsAt"] == first["startsAt"], "it began when the posts turned"
    sender.send(lately("resolved", "open"))


def test_the_end_of_what_never_opened_there_is_taken(server: AlertmanagerServer) -> None:
    receiver(server).send(lately("resolved", "unknown"))
    assert not [a for a in server.alerts() if a["labels"]["topic"] == "unknown"]


def test_times_of_a_replay_are_taken(server: AlertmanagerServer) -> None:
    receiver(server).send(message("opened", topic="replayed"))
    receiver(server).send(message("resolved", topic="replayed"))
    assert not [a for a in server.alerts() if a["labels"]["topic"] == "replayed"]


def test_words_of_strangers_are_taken_whatever_they_are(server: AlertmanagerServer) -> None:
    odd = lately("opened", "odd & 'topic'")
    posts = tuple(replace(post, text="\u202e{{ .Labels }} \U0001f92e") for post in odd.posts)
    receiver(server).send(replace(odd, posts=posts))
    assert [a for a in server.alerts() if a["labels"]["topic"] == "odd & 'topic'"]


def test_a_trial_ends_by_itself(server: AlertmanagerServer) -> None:
    receiver(server).send(trial_message(now_ms()))
    (held,) = (a for a in server.alerts() if a["labels"]["rule"] == "test")
    assert held["annotations"]["summary"].startswith("Test of Undertone")
    ends = time.strptime(held["endsAt"].partition(".")[0], "%Y-%m-%dT%H:%M:%S")
    assert 60 < time.mktime(ends) - time.mktime(time.gmtime()) < 180


def test_an_account_is_sent_and_never_shown() -> None:
    with Hook(Answer(200), Answer(401, b"who are you, hunter22?")) as hook:
        sender = Alertmanager(
            hook.url("/path/"), make_reach(True, None, 5.0), now_ms, "undertone", "hunter22"
        )
        sender.send(message())
        with pytest.raises(Rejected, match="credentials") as caught:
            sender.send(message())
    assert "hunter22" not in str(caught.value)
    assert hook.asked[0].path == "/path/api/v2/alerts"
    assert hook.asked[0].headers["authorization"] == "Basic dW5kZXJ0b25lOmh1bnRlcjIy"
