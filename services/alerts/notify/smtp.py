"""E-mail by SMTP: STARTTLS or TLS from the first byte, to a checked address, within one deadline.

`smtplib` speaks the protocol; it is given a connection instead of making one. A password is
only ever sent under TLS.
"""

from __future__ import annotations

import logging
import smtplib
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from email.headerregistry import Address
from threading import Timer
from time import monotonic
from typing import Final, Literal

from services.alerts.notify.forms import masked, printable
from services.alerts.notify.mail import compose
from services.alerts.notify.port import Message, Rejected, TryLater
from services.alerts.notify.reach import Reach, explained, tls_reason
from services.net import NotAllowed

logger = logging.getLogger(__name__)

SHOWN: Final = 200
"""Characters of an answer that an error repeats."""
PORTS: Final = {"starttls": 587, "implicit": 465, "none": 25}
Tls = Literal["starttls", "implicit", "none"]
Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where mail is handed in, by whom, and whom it is for."""

    host: str
    sender: Address
    recipients: tuple[Address, ...]
    port: int | None = None
    tls: Tls = "starttls"
    user: str = ""
    password: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password as it is, and as AUTH PLAIN (RFC 4616) and LOGIN put it."""
        if not self.password:
            return ()
        said = (f"\0{self.user}\0{self.password}", self.password)
        return (*(b64encode(words.encode()).decode() for words in said), self.password)


class Email:
    """Mail servers and programs drop a Message-ID that they have seen."""

    name = "email"
    repeats_are_dropped = True
    resend_every_s = None

    def __init__(self, mailbox: Mailbox, reach: Reach, clock_ms: Clock) -> None:
        self._box = mailbox
        self._reach = reach
        self._clock_ms = clock_ms

    def send(self, message: Message) -> None:
        box = self._box
        mail = compose(message, box.sender, box.recipients, self._clock_ms())
        deadline = monotonic() + self._reach.timeout_s
        try:
            with self._session(deadline) as session:
                refused = session.send_message(mail)
        except NotAllowed as error:
            raise TryLater(self.name, explained(error)) from None
        except (smtplib.SMTPException, OSError) as error:
            if isinstance(error, TimeoutError) or monotonic() >= deadline:
                raise TryLater(self.name, f"{box.host} does not answer in time") from None
            raise self._failure(error) from None
        for address, (code, said) in refused.items():
            logger.warning("email: %s is refused (%s)", address, self._quoted(code, said))

    def close(self) -> None:
        """Nothing is kept open."""

    @contextmanager
    def _session(self, deadline: float) -> Iterator[_Session]:
        """A session, cut off at the deadline whatever it does then."""
        box, tls = self._box, self._reach.tls
        port = box.port or PORTS[box.tls]
        with ExitStack() as stack:
            plain = stack.enter_context(self._reach.connect(box.host, port, _left(deadline)))
            same = stack.enter_context(plain.dup())  # outlives that TLS takes `plain` over
            timer = Timer(_left(deadline), _cut, [same])
            timer.daemon = True
            timer.start()
            stack.callback(timer.cancel)
            implicit = box.tls == "implicit"
            sock = tls.wrap_socket(plain, server_hostname=box.host) if implicit else plain
            session = _Session(sock, box.host)
            stack.callback(session.close)
            if box.tls == "starttls":
                session.starttls(context=tls)
            if box.user:
                session.login(box.user, box.password)
            yield session
            with suppress(smtplib.SMTPException, OSError):  # the mail is handed in already
                session.quit()

    def _failure(self, error: smtplib.SMTPException | OSError) -> TryLater | Rejected:
        """What the session ended with, as `port.py` has it (reply codes: RFC 5321, 4.2)."""
        host = self._box.host
        code: int
        said: bytes | str
        match error:
            case smtplib.SMTPNotSupportedError():
                return Rejected(self.name, f"{host} can't do what smtp_tls asks for ({error})")
            case smtplib.SMTPRecipientsRefused():
                code, said = min(error.recipients.values())
            case smtplib.SMTPResponseException():
                code, said = error.smtp_code, error.smtp_error
            case smtplib.SMTPServerDisconnected():
                return TryLater(self.name, f"{host} ended the connection")
            case _:
                reason = tls_reason(error) or f"can't be reached ({error})"
                return TryLater(self.name, f"{host}: {reason}")
        answer = f"{host} answers {self._quoted(code, said)}"
        return Rejected(self.name, answer) if code >= 500 else TryLater(self.name, answer)

    def _quoted(self, code: int, said: bytes | str) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        return f"{code}: {printable(masked(text, self._box.secrets))[:SHOWN]}"


class _Session(smtplib.SMTP):
    """A session on a connection that was made elsewhere."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        """Hear the greeting. `host` is the name that a certificate must have."""
        super().__init__(local_hostname=_literal(sock))
        self._host = host
        self.sock = sock
        self.file = None
        code, said = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)


def _literal(sock: socket.socket) -> str:
    """Our address, as EHLO has it where a host knows no name of its own (RFC 5321, 4.1.3)."""
    address = str(sock.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    return max(0.001, deadline - monotonic())
