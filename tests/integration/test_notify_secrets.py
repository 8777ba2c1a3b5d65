"""What a server sends back is repeated without secrets."""

from __future__ import annotations

import socket
from base64 import b64encode
from threading import Thread

import pytest

from services.alerts.notify.alertmanager import Alertmanager
from services.alerts.notify.discord import Discord
from services.alerts.notify.port import Rejected, TryLater, Uncertain
from services.alerts.notify.slack import Slack
from services.alerts.notify.webhook import Webhook
from tests.integration.hooked import SECRET, reach, webhook
from tests.simulators.hook import Answer, Hook
from tests.unit.alerts.messages import NOW, message

pytestmark = pytest.mark.integration
PATH_SECRET = "secret-path"


def test_answers_are_quoted_without_secrets_and_control_characters() -> None:
    said = b"bad \x1b[31m path /services/T0/B0/secret-path and a secret of some length"
    with Hook(Answer(400, said)) as hook, pytest.raises(Rejected) as caught:
        webhook(hook).send(message())
    assert "\x1b" not in str(caught.value)
    assert PATH_SECRET not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        b"Cannot POST /services/T0/B0/secret-path",  # without the query that we add
        rb'{"path": "\/services\/T0\/B0\/secret-path"}',
        b"the token secret-path is unknown",
    ],
)
def test_no_part_of_an_address_is_repeated(said: bytes) -> None:
    with Hook(Answer(404, said)) as hook, pytest.raises(Rejected) as caught:
        Discord(hook.url(), reach()).send(message())
    assert PATH_SECRET not in str(caught.value)
    assert "404" in str(caught.value)


def test_a_server_that_sends_back_what_it_gets_gets_nothing_told() -> None:
    """No HTTP at all: what can't be read as an answer is what we sent, secrets first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        echo = Thread(target=send_back, args=(listener, 2))
        echo.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/services/T0/B0/{PATH_SECRET}"
        with pytest.raises(Uncertain, match="no answer") as caught:
            Slack(url, reach()).send(message())
        assert PATH_SECRET not in str(caught.value)
        with pytest.raises(TryLater, match="no answer") as later:
            Webhook(url, SECRET, reach(), lambda: NOW).send(message())
        assert PATH_SECRET not in str(later.value)
        echo.join(10)


def send_back(listener: socket.socket, connections: int) -> None:
    for _ in range(connections):
        with listener.accept()[0] as line:
            line.sendall(line.recv(65_536))
            line.shutdown(socket.SHUT_WR)
            while line.recv(65_536):
                pass


def test_credentials_in_a_header_are_not_repeated() -> None:
    given = b64encode(b"me:hush, hush").decode()
    said = f"no such user: Basic {given} (hush, hush)".encode()
    with Hook(Answer(401, said)) as hook, pytest.raises(Rejected, match="no such user") as caught:
        Alertmanager(hook.origin(), reach(), lambda: NOW, "me", "hush, hush").send(message())
    assert hook.asked[0].headers["authorization"] == f"Basic {given}"
    assert given not in str(caught.value)
    assert "hush" not in str(caught.value)
