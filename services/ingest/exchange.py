"""One request to a URL that somebody else named, under the rules of `services.net`.

For small files that are no pictures. No redirects, no cookies, no proxies from
the environment; the address is checked and pinned as for pictures.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpcore

from services.ingest.fetch_http import FetchFailed, PinnedBackend
from services.net import NotAllowed, Policy, parse

TOTAL_S = 120.0
MOST_BYTES = 64 << 20


def exchange(
    policy: Policy, method: str, url: str, body: bytes = b"", *, most: int = MOST_BYTES
) -> bytes:
    """The answer's body; `FetchFailed` for anything else. Blocks, two minutes at most."""
    return asyncio.run(_exchange(policy, method, url, body, most))


async def _exchange(policy: Policy, method: str, url: str, body: bytes, most: int) -> bytes:
    with ThreadPoolExecutor(1, "resolve") as resolving:
        backend = PinnedBackend(policy, resolving)
        try:
            async with (
                asyncio.timeout(TOTAL_S),
                httpcore.AsyncConnectionPool(network_backend=backend) as pool,
            ):
                return await _answer(pool, method, url, body, most)
        except NotAllowed as error:
            raise FetchFailed(error.reason, str(error)) from None
        except (TimeoutError, httpcore.TimeoutException):
            raise FetchFailed("timeout") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FetchFailed("connection_failed", str(error)) from None


async def _answer(
    pool: httpcore.AsyncConnectionPool, method: str, url: str, body: bytes, most: int
) -> bytes:
    target = parse(url)
    headers = {"Host": target.host_header, "User-Agent": "undertone/0.1"}
    if method != "GET":
        headers |= {"Content-Type": "text/plain", "Content-Length": str(len(body))}
    async with pool.stream(
        method,
        httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        ),
        headers=list(headers.items()),
        content=body,
    ) as response:
        if not 200 <= response.status < 300:
            raise FetchFailed(f"http_{response.status}")
        found = bytearray()
        async for chunk in response.aiter_stream():
            found += chunk
            if len(found) > most:
                raise FetchFailed("too_large", f"more than {most} bytes")
        return bytes(found)
