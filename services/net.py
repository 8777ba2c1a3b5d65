"""Address checks for anything we connect to on a stranger's word.

A URL is taken apart once, here, and connected to by its parts, so that no
second parser can read it differently. Its name is resolved once; every
address must be public, and the connection goes to an address that was
checked, never to the name (which may resolve to something else a moment later).

    target = parse(url)                        # NotAllowed: scheme, credentials, port, …
    addresses = policy.resolve(target.host, target.port)   # NotAllowed: private_address, …

Networks: IANA's IPv4 and IPv6 special-purpose address registries, written out
because `ipaddress.is_global` differs between Python releases.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import idna

from services.errors import UndertoneError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to the textual addresses of every answer; raises OSError where there is none."""

PRIVATE_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared address space; also Alibaba's metadata service
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host service: a public number, a private meaning
        "169.254.0.0/16",  # link-local; the metadata service of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocol assignments; also Oracle's metadata service
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All global unicast; what lies outside (mapped, loopback, unique local, …) is refused."""
PRIVATE_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address in disguise
        "3fff::/20",
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""What an IPv6-only network's resolver answers for IPv4 hosts; judged by the address inside."""

WEB_PORTS = frozenset({80, 443, 8080, 8443})
MAX_URL = 4096
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,252})\Z")


class NotAllowed(UndertoneError):
    """We don't connect there. `reason` is a short, stable, countable code."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts: `host` is ASCII (IDNA) or an address without brackets, `path` is encoded."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """What stands in the Host field: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _port(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.path}"


def parse(url: str) -> Target:
    """Take an http(s) URL apart; `NotAllowed` for every other thing that looks like one."""
    if len(url) > MAX_URL or _UNSAFE.search(url):
        raise NotAllowed("bad_url", "over-long, or with spaces, control signs or backslashes")
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError as error:
        raise NotAllowed("bad_url", str(error)) from None
    if split.scheme not in ("http", "https"):
        raise NotAllowed("scheme_refused", f"only http and https are fetched, not {split.scheme!r}")
    if "@" in split.netloc:
        raise NotAllowed("credentials_in_url", "a URL with a user name or password is not fetched")
    path = quote(split.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if split.query:
        path += "?" + quote(split.query, safe="/%:@!$&'()*+,;=~-._?[]")
    host = _host(split.hostname or "")
    return Target(split.scheme, host, _port(split.scheme) if port is None else port, path)


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _host(host: str) -> str:
    """The host in the one form that is resolved, checked, and named to the server."""
    if ":" in host:
        try:
            ip = ipaddress.IPv6Address(host)
        except ValueError:
            raise NotAllowed("bad_url", f"{host!r} is no address") from None
        if ip.scope_id is not None:
            raise NotAllowed("bad_url", "an address of one interface means nothing to others")
        return ip.compressed
    try:
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise NotAllowed("bad_url", f"{host!r} is no host name") from None
    ascii_host = ascii_host.lower().rstrip(".")
    if not _HOST.match(ascii_host):
        raise NotAllowed("bad_url", f"{host!r} is no host name")
    return ascii_host


def is_public(address: str) -> bool:
    """Whether `address` (text, as a resolver gives it) is a public unicast address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in PRIVATE_V4)
    if ip.scope_id is not None:
        return False
    if ip in NAT64:
        return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip in PUBLIC_V6 and not any(ip in network for network in PRIVATE_V6)


def lookup(host: str, port: int) -> list[str]:
    """Every address of `host` by the system's resolver, which also reads 0x7f.1 and 2130706433."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Policy:
    """Where we connect to. `allow` opens networks that are not public, for an intranet or a test;

    `ports` of None allows every port. One address of a name that is not allowed refuses the name.
    """

    allow: tuple[Network, ...] = ()
    ports: frozenset[int] | None = WEB_PORTS
    resolver: Resolver = lookup

    def permits(self, address: str) -> bool:
        """Whether `address` may be connected to."""
        if is_public(address):
            return True
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self.allow)

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, all of them checked. Blocks as long as the resolver does."""
        if self.ports is not None and port not in self.ports:
            raise NotAllowed("port_refused", f"port {port} is none of {sorted(self.ports)}")
        try:
            addresses = list(self.resolver(host, port))
        except (OSError, UnicodeError) as error:
            again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            reason = "resolver_failed" if again else "name_not_found"
            raise NotAllowed(reason, f"{host}: {error}") from None
        if not addresses:
            raise NotAllowed("name_not_found", f"{host} has no address")
        for address in addresses:
            if not self.permits(address):
                raise NotAllowed("private_address", f"{host} is {address}, which is not public")
        return addresses
