"""A real SMTP server in a thread: it takes mail, or refuses what a test tells it to."""

from __future__ import annotations

import asyncio
import email
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "mail.test"


class Box:
    """Keeps what is handed in; refuses what a test tells it to."""

    def __init__(self, refuse: str = "", refused: str = "nobody@") -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self._refuse, self._refused = refuse, refused

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._refuse == "recipients" or address.startswith(self._refused):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self._refuse == "data":
            return "554 5.7.1 looks like spam"
        if self._refuse == "for now":
            return "451 4.3.0 try again"
        content = envelope.content
        assert isinstance(content, bytes)
        found = email.message_from_bytes(content, policy=default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        self.recipients = list(envelope.rcpt_tos)
        return "250 OK"


@contextmanager
def server(box: Box, *, implicit: ssl.SSLContext | None = None, **how: Any) -> Iterator[int]:
    """An SMTP server in a thread of its own; its port."""
    loop = asyncio.new_event_loop()
    listening = loop.create_server(
        lambda: SMTP(box, loop=loop, hostname=HOST, **how), "127.0.0.1", 0, ssl=implicit
    )
    found = loop.run_until_complete(listening)
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield found.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(found), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(listening: asyncio.Server) -> None:
    listening.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def odd_server(*lines: bytes, hang: bool) -> Iterator[int]:
    """Says a few lines, then nothing more, or hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            for line in lines:
                connection.sendall(line)
                connection.recv(1000)
            if hang:
                connection.recv(1000)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(2)
