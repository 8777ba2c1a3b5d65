"""The media fetcher: URLs written by strangers in, normalised JPEGs or reasons out.

    fetcher.fetch_many(["https://…/a.jpg", "http://10.0.0.1/b.png"])
    -> [Fetched(jpeg=b"…"), Fetched(reason="private_address")]

A batch at a time, synchronous to its caller; inside, one event loop in a
thread of its own keeps many hosts busy, and a few threads decode. Nothing that
comes back from a host raises: every failure is a reason, and the post goes on
without the picture.

Reasons: bad_url, scheme_refused, credentials_in_url, port_refused,
private_address, name_not_found, resolver_failed, connection_failed,
tls_failed, protocol_error, timeout, too_many_redirects, bad_redirect,
http_<status>, rate_limited, host_rests, too_large, encoding_refused,
not_a_picture, and those of `services.ingest.pictures`.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from weakref import WeakValueDictionary

from services import metrics
from services.ingest.fetch_http import FetchFailed, Http, Limits
from services.ingest.fetch_limits import Clock, Fetched, HostLimits, Hosts, Recent
from services.ingest.pictures import BadPicture, normalise
from services.net import NotAllowed, Policy, parse

__all__ = ["Fetched", "Fetcher", "HostLimits", "Limits", "renditions"]

ATTEMPTS = 3
BACKOFF_S = 0.25
NO_ANSWER = frozenset({"timeout", "connection_failed", "resolver_failed"})
MISSING = frozenset({"http_400", "http_403", "http_404", "http_410"})

_late = Fetched(reason="timeout")

_TWITTER = re.compile(r"(https?://pbs\.twimg\.com/media/[\w-]+)(?:\.(\w+))?(?::\w+)?(?:\?.*)?\Z")
_BLUESKY = re.compile(r"(https?://cdn\.bsky\.app/img/)feed_fullsize/")
_MASTODON = re.compile(r"(https?://.+/media_attachments/files/[\d/]+/)original/")


def renditions(url: str) -> tuple[str, ...]:
    """What to ask for, best first: the platform's smaller rendition, then the URL itself.

    320 pixels of short side are all we keep; X's `small` has 680 of long side,
    Bluesky's `feed_thumbnail` 1,000, Mastodon's `small` about 400,000 pixels.
    """
    if found := _TWITTER.match(url):
        kind = re.search(r"[?&]format=(\w+)", url)
        form = kind[1] if kind else found[2] or "jpg"
        return (f"{found[1]}?format={form}&name=small", url)
    smaller = _BLUESKY.sub(r"\1feed_thumbnail/", _MASTODON.sub(r"\1small/", url))
    return (url,) if smaller == url else (smaller, url)


def _host(url: str) -> str:
    """Whom the URL asks; `FetchFailed` where it asks nobody that we ask."""
    try:
        return parse(url).host
    except NotAllowed as error:
        raise FetchFailed(error.reason, str(error)) from None


class Fetcher:
    """Fetches, decodes and normalises pictures, a batch at a time.

    `concurrency` pictures are under way at once, `per_host` of them from one host;
    `decoders` threads decode. `tls` is for servers with a certificate of one's own.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        limits: Limits | None = None,
        host_limits: HostLimits | None = None,
        *,
        concurrency: int = 24,
        per_host: int = 8,
        decoders: int = 2,
        tls: ssl.SSLContext | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._per_host = per_host
        self._hosts = Hosts(host_limits or HostLimits(), clock)
        self._recent = Recent(clock)
        self._under_way: set[asyncio.Task[Fetched]] = set()
        self._doors: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._slots = asyncio.Semaphore(concurrency)
        self._http = Http(policy or Policy(), self._limits, concurrency, tls)
        self._decoding = ThreadPoolExecutor(decoders, "decode")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetch", daemon=True)
        self._thread.start()

    def fetch_many(self, urls: Sequence[str], timeout_s: float = 30.0) -> list[Fetched]:
        """One outcome per URL, in order. What is not there after `timeout_s` is a timeout."""
        if not urls:
            return []
        return asyncio.run_coroutine_threadsafe(self._batch(urls, timeout_s), self._loop).result()

    def close(self) -> None:
        """End what is under way, and let go of connections and threads."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._decoding.shutdown()

    async def _shut(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._http.close()

    async def _batch(self, urls: Sequence[str], timeout_s: float) -> list[Fetched]:
        tasks = {url: self._loop.create_task(self._outcome(url)) for url in dict.fromkeys(urls)}
        self._under_way |= set(tasks.values())
        await asyncio.wait(tasks.values(), timeout=timeout_s)
        late = {task for task in tasks.values() if not task.done()}
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._under_way -= set(tasks.values())
        outcomes = [_late if tasks[url] in late else tasks[url].result() for url in urls]
        for outcome in outcomes:
            metrics.PICTURES.labels(outcome.reason or "ok").inc()
        return outcomes

    async def _outcome(self, url: str) -> Fetched:
        """From memory where it is known, else from its host."""
        known = self._recent.get(url)
        if known is not None:
            return known
        temporary = False
        try:
            fetched = Fetched(jpeg=await self._picture(url))
        except FetchFailed as error:
            fetched, temporary = Fetched(reason=error.reason), error.temporary
        except BadPicture as error:
            fetched = Fetched(reason=error.reason)
        self._recent.put(url, fetched, temporary)
        return fetched

    async def _picture(self, url: str) -> bytes:
        """The normalised picture; the larger rendition only where the smaller is not there."""
        _host(url)  # what is no URL is not searched for renditions: it may be of megabytes
        *smaller, original = renditions(url)
        for candidate in smaller:
            try:
                return await self._from_host(candidate)
            except FetchFailed as error:
                if error.reason not in MISSING:
                    raise
        return await self._from_host(original)

    async def _from_host(self, url: str) -> bytes:
        host = _host(url)
        door = self._doors.get(host) or asyncio.Semaphore(self._per_host)
        self._doors[host] = door
        async with door, self._slots:
            await self._turn(host)
            body = await self._within_limits(host, url)
            decode = partial(normalise, body, anew=True)
            return await self._loop.run_in_executor(self._decoding, decode)

    async def _turn(self, host: str) -> None:
        """Wait for the host's budget; a host that rests is not asked at all."""
        if self._hosts.rests(host):
            raise FetchFailed("host_rests", f"{host} is left alone for a while")
        wait_s = self._hosts.reserve(host, self._limits.total_s)
        if wait_s is None:
            raise FetchFailed("rate_limited", f"more is asked of {host} than we allow ourselves")
        await asyncio.sleep(wait_s)

    async def _within_limits(self, host: str, url: str) -> bytes:
        try:
            async with asyncio.timeout(self._limits.total_s):
                body = await self._attempts(host, url)
        except TimeoutError:
            self._hosts.missed(host)
            raise FetchFailed("timeout", f"not done in {self._limits.total_s} s") from None
        except FetchFailed as error:
            told = self._hosts.missed if error.reason in NO_ANSWER else self._hosts.answered
            told(host)
            raise
        self._hosts.answered(host)
        return body

    async def _attempts(self, host: str, url: str) -> bytes:
        """The body, with what is temporary tried again after a jittered pause."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._http.get(url)
            except FetchFailed as error:
                if error.retry_after_s > self._limits.total_s:
                    self._hosts.hold(host, error.retry_after_s)
                    raise
                if not error.temporary or attempt + 1 == ATTEMPTS:
                    raise
                pause_s = BACKOFF_S * 2**attempt * random.uniform(0.5, 1.5)
                await asyncio.sleep(max(pause_s, error.retry_after_s))
        raise AssertionError("the last attempt returns or raises")
