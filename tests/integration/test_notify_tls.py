"""Receivers over TLS: who is not who they say is told nothing."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from services.alerts.notify.port import TryLater
from services.alerts.notify.reach import make_reach
from services.alerts.notify.slack import Slack
from services.errors import UsageError
from tests.integration.hooked import reach
from tests.simulators.hook import Hook
from tests.unit.alerts.messages import message

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_is_verified(authority: trustme.CA, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    with Hook(tls=server_tls(authority, "hook.test")) as hook:
        with pytest.raises(TryLater, match="notify_ca_file"):
            Slack(hook.url(host="hook.test"), reach()).send(message())
        with pytest.raises(TryLater, match=r"not trusted.*IP address mismatch"):
            Slack(hook.url(), reach(ca_file=ca_file)).send(message())
        assert hook.asked == []
        Slack(hook.url(host="hook.test"), reach(ca_file=ca_file)).send(message())
    assert len(hook.asked) == 1


def test_a_server_without_tls_is_told_apart() -> None:
    with Hook() as hook, pytest.raises(TryLater, match="TLS failed"):
        Slack(hook.url(host="hook.test").replace("http:", "https:"), reach()).send(message())


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(UsageError, match="notify_ca_file"):
        make_reach(True, tmp_path / "ca.pem", 1.0)
