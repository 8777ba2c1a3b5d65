"""E-mail through a real SMTP server: TLS of both kinds, accounts, refusals, threads."""

from __future__ import annotations

import io
import logging
import socket
import ssl
import time
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from PIL import Image

from services.alerts.notify.make import make_receivers
from services.alerts.notify.port import Rejected, TryLater
from services.alerts.notify.reach import make_reach
from services.alerts.notify.smtp import Email, Mailbox
from services.settings import load_settings
from tests.servers.smtp import HOST, Box, odd_server, server
from tests.simulators.hook import Hook
from tests.unit.alerts.messages import NOW, message

pytestmark = pytest.mark.integration
USER, PASSWORD = "undertone@example.com", "a password of some length"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def tls_of(authority: trustme.CA, name: str = HOST) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def authenticator(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=good, handled=False)


def mailer(port: int, ca: Path | None, timeout_s: float = 5.0, **how: Any) -> Email:
    given: dict[str, Any] = {
        "host": HOST,
        "sender": Address("Undertone", "undertone", "example.com"),
        "recipients": (Address("Brand team", "team", "example.com"),),
        "port": port,
    }
    private = how.pop("private", True)
    reach = make_reach(private, ca, timeout_s, lambda host, port: ["127.0.0.1"])
    return Email(Mailbox(**given | how), reach, lambda: NOW)


def picture() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").save(out, "JPEG")
    return out.getvalue()


def test_starttls_with_an_account(authority: trustme.CA, ca_file: Path) -> None:
    box = Box()
    how = {
        "tls_context": tls_of(authority),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": authenticator,
    }
    with server(box, **how) as port:
        mailer(port, ca_file, user=USER, password=PASSWORD).send(message(picture=picture()))
        with pytest.raises(Rejected, match="535") as caught:
            mailer(port, ca_file, user=USER, password="wrong password").send(message())
        assert "wrong password" not in str(caught.value)
        with pytest.raises(Rejected, match="530"):
            mailer(port, ca_file).send(message())
    (mail,) = box.mails
    assert mail["From"] == "Undertone <undertone@example.com>"
    assert mail["To"] == "Brand team <team@example.com>"
    assert mail["Subject"] == "acme: a larger share of negative posts than usual"
    assert mail["Message-ID"] == "<alert-a1b2c3d4e5f60718@example.com>"
    assert mail["Importance"] == "high"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_parts_plain_html_and_the_picture_inside(authority: trustme.CA, ca_file: Path) -> None:
    box, jpeg = Box(), picture()
    with server(box, implicit=tls_of(authority)) as port:
        mailer(port, ca_file, tls="implicit").send(message(picture=jpeg))
    (mail,) = box.mails
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    text = plain.get_content()
    assert text.startswith("acme: 46% of posts are negative, 21% is usual")
    assert "My battery caught fire <on> the *kitchen* table & never again" in text
    page = html.get_content()
    assert "My battery caught fire &lt;on&gt; the *kitchen* table &amp; never again" in page
    assert 'src="cid:picture@undertone"' in page
    images = [part for part in mail.walk() if part.get_content_type() == "image/jpeg"]
    assert [part["Content-ID"] for part in images] == ["<picture@undertone>"]
    assert images[0].get_content() == jpeg


def test_later_events_are_one_thread(authority: trustme.CA, ca_file: Path) -> None:
    box = Box()
    with server(box, implicit=tls_of(authority)) as port:
        sender = mailer(port, ca_file, tls="implicit")
        for kind in ("opened", "worsened", "resolved", "resolved"):
            sender.send(message(kind))
    first, worse, over, again = box.mails
    assert first["References"] is None
    assert worse["References"] == over["References"] == first["Message-ID"]
    assert over["In-Reply-To"] == first["Message-ID"]
    assert len({mail["Message-ID"] for mail in box.mails}) == 3
    assert again["Message-ID"] == over["Message-ID"], "a repeat is known by its id"
    assert {mail["Subject"].removeprefix("Re: ") for mail in box.mails} == {first["Subject"]}
    assert over["Importance"] is None


def test_certificates_are_verified(authority: trustme.CA, ca_file: Path) -> None:
    box = Box()
    with server(box, tls_context=tls_of(authority)) as port:
        with pytest.raises(TryLater, match="notify_ca_file"):
            mailer(port, None).send(message())
        with pytest.raises(TryLater, match="Hostname mismatch"):
            mailer(port, ca_file, host="other.test").send(message())
    with server(box, implicit=tls_of(authority)) as port:
        with pytest.raises(TryLater, match="notify_ca_file"):
            mailer(port, None, tls="implicit").send(message())
        with pytest.raises(TryLater, match="Hostname mismatch"):
            mailer(port, ca_file, host="other.test", tls="implicit").send(message())
    assert box.mails == []


def test_mail_does_not_say_that_it_is_http(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever shares a TLS context with HTTP offers `http/1.1`, which strict servers refuse."""
    offered: list[str | None] = []

    class Seen(Box):
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            tls = server.transport.get_extra_info("ssl_object")
            offered.append(tls.selected_alpn_protocol())
            return "250 OK"

    context = tls_of(authority)
    context.set_alpn_protocols(["http/1.1", "smtp"])
    with server(Seen(), implicit=context) as port, Hook(tls=tls_of(authority)) as hook:
        given = {
            "SLACK_WEBHOOK_URL": hook.url(host=HOST),
            "NOTIFY_PRIVATE_ADDRESSES": "true",
            "NOTIFY_CA_FILE": str(ca_file),
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(port),
            "SMTP_TLS": "implicit",
            "SMTP_FROM": "undertone@example.com",
            "SMTP_TO": "team@example.com",
        }
        for name, value in given.items():
            monkeypatch.setenv(f"UNDERTONE_{name}", value)
        found = make_receivers(load_settings(), lambda: NOW, lambda host, port: ["127.0.0.1"])
        found["slack"].send(message())
        found["email"].send(message())
    assert offered == [None]


def test_no_mail_without_the_tls_that_was_asked_for(authority: trustme.CA, ca_file: Path) -> None:
    box = Box()
    with server(box) as port:
        with pytest.raises(Rejected, match="smtp_tls"):
            mailer(port, ca_file).send(message())
        with pytest.raises(TryLater, match="TLS failed"):
            mailer(port, ca_file, tls="implicit").send(message())
        assert box.mails == []
        mailer(port, None, tls="none").send(message())
    assert len(box.mails) == 1


def test_refusals(caplog: pytest.LogCaptureFixture) -> None:
    two = (Address("", "nobody", "example.com"), Address("", "team", "example.com"))
    with server(box := Box("recipients")) as port, pytest.raises(Rejected, match="no such mailbox"):
        mailer(port, None, tls="none").send(message())
    with server(Box("data")) as port, pytest.raises(Rejected, match=r"554.*spam"):
        mailer(port, None, tls="none").send(message())
    with server(Box("for now")) as port, pytest.raises(TryLater, match=r"451.*try again"):
        mailer(port, None, tls="none").send(message())
    with server(box := Box()) as port, caplog.at_level(logging.WARNING):
        mailer(port, None, tls="none", recipients=two).send(message())
    assert box.recipients == ["team@example.com"]
    assert "nobody@example.com is refused" in caplog.text


def test_private_addresses_want_the_operators_word() -> None:
    with server(Box()) as port, pytest.raises(TryLater, match="notify_private_addresses"):
        mailer(port, None, tls="none", private=False).send(message())


def test_a_server_that_hangs_costs_no_more_than_the_deadline() -> None:
    began = time.monotonic()
    with odd_server(hang=True) as port, pytest.raises(TryLater, match="in time"):
        mailer(port, None, timeout_s=0.4, tls="none").send(message())
    assert time.monotonic() - began < 10


def test_a_server_that_hangs_up_or_refuses_to_talk() -> None:
    with odd_server(b"220 hello\r\n", hang=False) as port, pytest.raises(TryLater):
        mailer(port, None, tls="none").send(message())
    with odd_server(b"554 no\r\n", hang=False) as port, pytest.raises(Rejected, match="554: no"):
        mailer(port, None, tls="none").send(message())
    with odd_server(b"421 busy\r\n", hang=False) as port, pytest.raises(TryLater, match="421"):
        mailer(port, None, tls="none").send(message())


def test_nobody_there() -> None:
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    with pytest.raises(TryLater, match="can't be reached"):
        mailer(port, None, tls="none").send(message())
