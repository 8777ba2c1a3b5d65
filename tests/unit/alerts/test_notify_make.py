"""Which receivers the settings make, what is said about mistakes, who is failing, the trial."""

from __future__ import annotations

import io
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from prometheus_client import REGISTRY

from services.alerts.notify.make import make_receivers
from services.alerts.notify.port import Message, Rejected, TryLater
from services.alerts.notify.watch import Watched
from services.alerts.trial import try_receivers
from services.errors import UsageError
from services.settings import load_settings
from services.settings.receivers import mail_addresses
from services.topics.rules import RECEIVERS
from tests.simulators.grafana import GrafanaServer
from tests.unit.alerts.messages import NOW, message

HOOK = "https://hooks.example.com/services/T0/secret-path"
ALL = {
    "SLACK_WEBHOOK_URL": HOOK,
    "DISCORD_WEBHOOK_URL": HOOK,
    "WEBHOOK_URL": HOOK,
    "WEBHOOK_SECRET": "sixteen characters",
    "ALERTMANAGER_URL": "http://alertmanager:9093",
    "SMTP_HOST": "mail.example.com",
    "SMTP_FROM": "Undertone <undertone@example.com>",
    "SMTP_TO": "team@example.com, Press <press@example.com>",
    "GRAFANA_URL": "https://grafana.example.com",
    "GRAFANA_TOKEN": "glsa_x",
}


def made(monkeypatch: pytest.MonkeyPatch, **given: str) -> dict[str, Any]:
    for name, value in given.items():
        monkeypatch.setenv(f"UNDERTONE_{name}", value)
    return dict(make_receivers(load_settings(), lambda: NOW))


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_alone_the_terminal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(made(monkeypatch)) == ["terminal"]
    assert made(monkeypatch, NOTIFY_TERMINAL="false") == {}


def test_everybody_that_rules_may_name_can_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(monkeypatch, **ALL)
    assert set(found) == set(RECEIVERS)
    assert {name: receiver.name for name, receiver in found.items()} == {n: n for n in found}
    shown_twice = {name for name, r in found.items() if not r.repeats_are_dropped}
    assert shown_twice == {"slack", "discord"}
    assert {name for name, r in found.items() if r.resend_every_s} == {"alertmanager"}
    for receiver in found.values():
        receiver.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"WEBHOOK_URL": HOOK}, "webhook_url needs webhook_secret (or webhook_secret_file)"),
        ({"SMTP_HOST": "h"}, "smtp_host needs smtp_from"),
        ({"SMTP_TO": "a@b.test"}, "smtp_to needs smtp_host"),
        ({"ALERTMANAGER_USER": "u"}, "alertmanager_user needs alertmanager_password"),
        (
            {k: v for k, v in ALL.items() if "SMTP" in k}
            | {"SMTP_USER": "u", "SMTP_PASSWORD": "hush", "SMTP_TLS": "none"},
            "smtp_password is never sent without TLS",
        ),
        ({"SLACK_WEBHOOK_URL": "https://bad host/secret-path"}, "slack"),
    ],
)
def test_what_does_not_fit_together_is_said(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        made(monkeypatch, **given)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLACK_WEBHOOK_URL", "hooks.slack.com/secret-path", "expected an address like"),
        ("WEBHOOK_URL", "https://user:secret-path@h.test/", "no user name or password"),
        ("WEBHOOK_SECRET", "secret-path", "needs 16 characters"),
        ("ALERTMANAGER_URL", "alertmanager:9093", "expected an address like"),
        ("SMTP_FROM", "nobody", "expected an address like name@example.com"),
        ("SMTP_TO", "a@b.test, and others", "expected an address like name@example.com"),
        ("SMTP_TO", "a@b.test\nBcc: c@d.test", "expected an address like name@example.com"),
    ],
)
def test_a_wrong_setting_is_named_and_secrets_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"UNDERTONE_{name}", value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert name.lower() in str(caught.value)
    assert "secret-path" not in str(caught.value)


@given(st.text(st.sampled_from("ab@.<>\"', ;:()[]\\\n\u00e9"), max_size=20))
def test_addresses_that_are_let_through_can_be_written_to(text: str) -> None:
    for name, address in mail_addresses(text):
        mail = EmailMessage()
        mail["To"] = Address(display_name=name, addr_spec=address)
        assert b"\n\n" in mail.as_bytes()


class Moody:
    """Takes a message, or raises what a test says."""

    name, repeats_are_dropped, resend_every_s = "moody", False, None

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(message)

    def close(self) -> None:
        pass


def failing() -> float | None:
    return REGISTRY.get_sample_value("undertone_receiver_failing", {"receiver": "moody"})


def test_a_failing_receiver_is_known_until_it_takes_a_message() -> None:
    moody = Moody()
    watched = Watched(moody)
    assert failing() == 0.0
    moody.error = TryLater("moody", "not now")
    with pytest.raises(TryLater):
        watched.send(message())
    assert failing() == 1.0
    moody.error = None
    watched.send(message())
    assert failing() == 0.0


def test_the_trial_says_what_became_of_each() -> None:
    good, bad = Moody(), Moody()
    bad.error = Rejected("bad", "nobody lives here")
    first, second = try_receivers({"moody": good, "bad": bad}, NOW, "https://u.example")
    assert (first.receiver, first.ok, first.said) == ("moody", True, "")
    assert (second.receiver, second.ok, second.said) == ("bad", False, "nobody lives here")
    (told,) = good.sent
    assert "Test" in told.title
    assert told.brief
    assert told.picture is not None
    assert Image.open(io.BytesIO(told.picture)).format == "JPEG"


def test_grafana_gets_one_region_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    with GrafanaServer() as grafana:
        settings = {"GRAFANA_URL": grafana.url, "GRAFANA_TOKEN": grafana.token}
        with pytest.raises(TryLater, match="notify_private_addresses"):
            made(monkeypatch, **settings)["grafana"].send(message())
        assert grafana.requests == []
        receiver = made(monkeypatch, NOTIFY_PRIVATE_ADDRESSES="true", **settings)["grafana"]
        for kind in ("opened", "opened", "worsened", "resolved"):
            receiver.send(message(kind))
        receiver.close()
        (mark,) = grafana.annotations
        assert mark["time"] == NOW - 12 * 60_000
        assert mark["timeEnd"] == NOW + 36 * 60_000
        assert "<b>acme: over after 48 minutes</b>" in mark["text"]
        assert "topic:acme" in mark["tags"]
        assert len(grafana.writes) == 3, "a repeat writes nothing"


def test_what_grafana_says_is_repeated_without_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with GrafanaServer() as grafana:
        monkeypatch.setattr(grafana, "answer", lambda *_: (500, {"message": "off\x1b[2J\u202e"}))
        settings = {"GRAFANA_URL": grafana.url, "NOTIFY_PRIVATE_ADDRESSES": "true"}
        receiver = made(monkeypatch, GRAFANA_TOKEN=grafana.token, **settings)["grafana"]
        with pytest.raises(TryLater, match="off") as caught:
            receiver.send(message())
        receiver.close()
    assert str(caught.value).isprintable()


def test_grafana_that_refuses_us_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with GrafanaServer() as grafana:
        settings = {"GRAFANA_URL": grafana.url, "NOTIFY_PRIVATE_ADDRESSES": "true"}
        receiver = made(monkeypatch, GRAFANA_TOKEN="glsa_wrong", **settings)["grafana"]
        with pytest.raises(Rejected) as caught:
            receiver.send(message())
        assert "glsa_wrong" not in str(caught.value)
        receiver.close()
