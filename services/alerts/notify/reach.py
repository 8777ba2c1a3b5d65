"""How receivers are reached: which addresses we may connect to, with which certificates, how long.

A receiver's address comes from the operator's settings, yet its name is answered by a
resolver, and what it answers is checked and pinned just as for media (`services/net.py`).
Private addresses are let in only where the operator says so, and even then neither link-local
ones nor multicast, nor the metadata services of clouds.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Final

import httpcore

from services.errors import UsageError
from services.net import NotAllowed, Policy, Resolver, lookup

METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254")
)
"""Of Alibaba, AWS and Google, within networks that are private."""
PRIVATE: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
ADDRESSES_TRIED: Final = 3
HINT: Final = (
    "; if the receiver is yours, set notify_private_addresses = true "
    "(UNDERTONE_NOTIFY_PRIVATE_ADDRESSES=true)"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How one receiver is reached. `timeout_s` is the time one message may take in all."""

    policy: Policy
    tls: ssl.SSLContext
    timeout_s: float = 10.0

    def addresses(self, host: str, port: int, within_s: float) -> list[str]:
        """Checked addresses of `host`; `NotAllowed`, or `TimeoutError` where nobody answers.

        In a thread of its own: the system's resolver takes as long as it likes.
        """
        answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._checked(host, port))
            except Exception as error:
                answers.put(error)

        Thread(target=ask, name="resolve", daemon=True).start()
        try:
            found = answers.get(timeout=max(0.001, within_s))
        except Empty:
            raise TimeoutError(f"no answer to the name {host} in time") from None
        if isinstance(found, Exception):
            raise found
        return found[:ADDRESSES_TRIED]

    def _checked(self, host: str, port: int) -> list[str]:
        found = self.policy.resolve(host, port)
        for address in found:
            if ipaddress.ip_address(address) in METADATA:
                raise NotAllowed("metadata", f"{host} is {address}, a cloud's metadata service")
        return found

    def connect(self, host: str, port: int, within_s: float) -> socket.socket:
        """A TCP connection to the first of its checked addresses that answers."""
        deadline = monotonic() + within_s
        failure: OSError = TimeoutError(f"{host} does not answer in time")
        for address in self.addresses(host, port, within_s):
            left_s = deadline - monotonic()
            if left_s <= 0:
                break
            try:
                return socket.create_connection((address, port), timeout=left_s)
            except OSError as error:
                failure = error
        raise failure


def make_reach(
    private: bool, ca_file: Path | None, timeout_s: float, resolver: Resolver = lookup
) -> Reach:
    """From settings. `UsageError` where `ca_file` holds no certificates."""
    policy = Policy(allow=PRIVATE if private else (), ports=None, resolver=resolver)
    tls = httpcore.default_ssl_context()
    if ca_file is not None:
        try:
            tls.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"notify_ca_file: can't use {ca_file} ({error})") from None
    return Reach(policy, tls, timeout_s)


def explained(error: NotAllowed) -> str:
    """Why an address is not connected to, and what would change that."""
    return f"{error}{HINT if error.reason == 'private_address' else ''}"


def tls_reason(error: BaseException | None) -> str:
    """What is wrong with the certificate, where that is the cause of `error`; else empty."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted ({error.verify_message}); "
                "notify_ca_file names an authority of your own"
            )
        if isinstance(error, ssl.SSLError):
            return f"TLS failed ({error.reason or error})"
        error = error.__cause__ or error.__context__
    return ""
