"""One picture's bytes over http(s), from an address that was checked, within hard limits.

httpcore speaks the protocol; ours are the rules. It is used without the layer
above it (httpx's client), which would bring what we don't want: cookies,
proxies from the environment, redirects of its own, decoders without a limit.

The pin: the connection pool is given a network backend that resolves, checks
and connects in one step. TLS still verifies the URL's name, and every
redirect passes through the same door.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpcore

from services.net import NotAllowed, Policy, Target, parse

REDIRECTS = frozenset({301, 302, 303, 307, 308})
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
TEMPORARY_REASONS = frozenset(
    {"timeout", "connection_failed", "protocol_error", "resolver_failed", "rate_limited"}
)
ADDRESSES_TRIED = 3
HEADERS: dict[bytes | str, bytes | str] = {
    "User-Agent": "undertone/0.1",
    "Accept": "image/jpeg,image/png,image/webp,image/gif;q=0.8",
    "Accept-Encoding": "identity",
}


class FetchFailed(Exception):
    """The picture can't be had. `reason` is countable; `temporary` says that later may differ."""

    def __init__(self, reason: str, message: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.retry_after_s = retry_after_s
        status = reason.removeprefix("http_")
        self.temporary = reason in TEMPORARY_REASONS or (
            status.isdigit() and int(status) in TEMPORARY
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost. `total_s` covers redirects, retries and every byte."""

    total_s: float = 8.0
    connect_s: float = 3.0
    read_s: float = 4.0
    max_bytes: int = 8 << 20
    redirects: int = 3


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only; there is no other way out of the pool."""

    def __init__(self, policy: Policy, resolving: ThreadPoolExecutor) -> None:
        self._policy = policy
        self._resolving = resolving
        self._tcp = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._resolving, self._policy.resolve, host, port)
        failure: Exception = httpcore.ConnectError(f"no address of {host} answers")
        for address in found[:ADDRESSES_TRIED]:
            try:
                return await self._tcp.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise NotAllowed("scheme_refused", "no URL names a local socket")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Http:
    """A pool of pinned connections. Lives on one event loop."""

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        connections: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._resolving = ThreadPoolExecutor(max(4, connections // 4), "resolve")
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=15.0,
            network_backend=PinnedBackend(policy, self._resolving),
        )
        self._timeout = {
            "connect": limits.connect_s,
            "read": limits.read_s,
            "write": limits.read_s,
            "pool": limits.total_s,
        }

    async def get(self, url: str) -> bytes:
        """The body behind `url`, redirects followed; `FetchFailed` for anything else."""
        for _ in range(self._limits.redirects + 1):
            try:
                answer = await self._once(parse(url))
            except NotAllowed as error:
                raise FetchFailed(error.reason, str(error)) from None
            except (httpcore.TimeoutException, httpcore.NetworkError) as error:
                raise _network_failure(error) from None
            except (httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
                raise FetchFailed("protocol_error", str(error)) from None
            if isinstance(answer, bytes):
                return answer
            try:
                url = urljoin(url, answer)
            except ValueError as error:
                raise FetchFailed("bad_redirect", str(error)) from None
        raise FetchFailed("too_many_redirects", f"more than {self._limits.redirects}")

    async def _once(self, target: Target) -> bytes | str:
        """One request: the body, or where it is redirected to."""
        request = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        headers = HEADERS | {"Host": target.host_header}
        async with self._pool.stream(
            "GET", request, headers=headers, extensions={"timeout": self._timeout}
        ) as response:
            fields = {k.lower(): v.decode("latin-1") for k, v in response.headers}
            if response.status in REDIRECTS:
                if b"location" not in fields:
                    raise FetchFailed("bad_redirect", "a redirect without a location")
                return fields[b"location"]
            if response.status != 200:
                raise _status_failure(response.status, fields)
            return await self._body(response, fields)

    async def _body(self, response: httpcore.Response, fields: Mapping[bytes, str]) -> bytes:
        """The decoded body. Counted as it comes in, before and after decoding."""
        cap = self._limits.max_bytes
        if _number(fields.get(b"content-length", "")) > cap:
            raise FetchFailed("too_large", f"more than {cap} bytes are announced")
        decoder = _decoder(fields.get(b"content-encoding", ""))
        body = bytearray()
        received = 0
        async for chunk in response.aiter_stream():
            received += len(chunk)
            body += chunk if decoder is None else _inflate(decoder, chunk, cap - len(body) + 1)
            if received > cap or len(body) > cap:
                raise FetchFailed("too_large", f"more than {cap} bytes")
            if len(body) >= 12 and not looks_like_picture(body):
                raise FetchFailed("not_a_picture", f"it starts with {bytes(body[:12])!r}")
        if not looks_like_picture(body):
            raise FetchFailed("not_a_picture", f"{len(body)} bytes")
        return bytes(body)

    async def close(self) -> None:
        await self._pool.aclose()
        self._resolving.shutdown(wait=False, cancel_futures=True)


def looks_like_picture(head: bytes | bytearray) -> bool:
    """By its first bytes a JPEG, PNG, GIF or WebP; what else it may be, decoding finds out."""
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))
        or head[:4] + head[8:12] == b"RIFFWEBP"
    )


def _decoder(encoding: str) -> zlib._Decompress | None:
    """Nothing for a plain body, as we asked; gzip where a server compresses all the same."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise FetchFailed("encoding_refused", f"a content encoding of {encoding[:40]!r}")


def _inflate(decoder: zlib._Decompress, chunk: bytes, room: int) -> bytes:
    """At most `room` bytes of what `chunk` decodes to: a bomb is cut off, never unpacked."""
    try:
        return decoder.decompress(chunk, max(1, room))
    except zlib.error as error:
        raise FetchFailed("encoding_refused", str(error)) from None


def _network_failure(error: Exception) -> FetchFailed:
    if isinstance(error, httpcore.TimeoutException):
        return FetchFailed("timeout", str(error) or type(error).__name__)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return FetchFailed("tls_failed", str(cause))
        cause = cause.__cause__ or cause.__context__
    return FetchFailed("connection_failed", str(error))


def _status_failure(status: int, fields: Mapping[bytes, str]) -> FetchFailed:
    seconds = _number(fields.get(b"retry-after", ""))
    reason = "rate_limited" if status == 429 else f"http_{status}"
    return FetchFailed(reason, f"the server answers {status}", retry_after_s=seconds)


def _number(field: str) -> float:
    """What a field of digits says, infinite where they are too many; 0 where it holds others
    (`isdigit` alone takes `²` too)."""
    return float(field) if field.isascii() and field.isdigit() else 0.0
