"""A live platform as a source: messages to posts with pictures, in order, without ever blocking.

    socket ─► parse ─► topics ─► pictures (in threads) ─► note for removals ─► out

Pictures take up to seconds, so batches of messages wait for theirs side by side
and leave in the order they came. The cursor is behind what has left, never
behind what still waits.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from services.errors import BadRecord, Unavailable, UndertoneError
from services.ingest.checks import checked_gone, checked_post
from services.ingest.draft import Draft, Gone, Parsed, Refused
from services.ingest.gaps import Watch
from services.ingest.live import Message
from services.ingest.media import Fetch, Outcome, Pictures
from services.ingest.posts import Matcher, PostBuilder
from services.ingest.removals import Removals
from services.ingest.source import Brought, Counters, Progress
from services.records import Deletion, Post

log = logging.getLogger(__name__)

TAKEN = 2_000
"""Messages looked at in one read, of which most match nothing."""
WAITING = 16
"""Batches that may wait for pictures; beyond that nothing more is read."""
FETCHING = 4
REPEATS = 100_000
"""Ids that were passed on and are not passed on again when a rewind brings them."""
STATUS_MS = 2_000


class Socket(Protocol):
    """A platform's connection."""

    @property
    def host(self) -> str: ...

    def take(self, most: int, timeout_s: float) -> list[Message]: ...

    def close(self) -> None: ...


class Reader(Protocol):
    """What a platform's messages say. May remember things between them, in the store too."""

    def prepare(self, messages: Sequence[bytes]) -> None:
        """Look up what these will need. May raise `Unavailable`, and is then called again."""

    def parse(self, message: bytes) -> Sequence[Parsed]:
        """What one message says; raises `BadRecord`, and nothing else."""

    def keep(self, drafts: Sequence[Draft], gone: Sequence[str]) -> None:
        """These matched a topic, and those are removed. May raise `Unavailable`, and repeat."""


class Place(msgspec.Struct):
    """The cursor as it is saved: what the platform counts by, and where it was counted."""

    position: int = 0
    host: str = ""


def place(cursor: bytes | None) -> Place:
    """A saved cursor; the beginning where there is none, `UndertoneError` for what is none."""
    try:
        return msgspec.json.decode(cursor, type=Place) if cursor else Place()
    except msgspec.MsgspecError as error:
        raise UndertoneError(f"the saved cursor {cursor!r} is none of ours: {error}") from None


@dataclass(slots=True)
class _Batch:
    """What one look at the socket brought, in order; drafts with their topics."""

    items: list[tuple[Draft, tuple[str, ...]] | Gone | Refused]
    position: int
    pictures: Future[Mapping[str, Outcome]] | None = None
    posts: list[Post] | None = None


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a live source needs of the rest. `fetch` of None leaves pictures unfetched."""

    namespace: str
    matcher: Callable[[], Matcher]
    now_ms: Callable[[], int]
    fetch: Fetch | None = None
    removals: Removals | None = None
    publish: Callable[[bytes], None] = field(default=lambda _: None)
    """Takes the status (JSON) every other second."""


class LiveSource:
    """See `services.ingest.source.Source`."""

    def __init__(
        self,
        name: str,
        socket: Socket,
        reader: Reader,
        watch: Watch,
        wiring: Wiring,
        cursor: bytes | None = None,
    ) -> None:
        self.name, self.namespace = name, wiring.namespace
        self.counters = Counters()
        self.ended = False
        self._socket, self._reader, self._watch, self._wiring = socket, reader, watch, wiring
        self._builder = PostBuilder(
            wiring.namespace,
            wiring.matcher,
            Pictures(fetch=self._fetched if wiring.fetch else None),
            wiring.now_ms,
            self.counters,
        )
        self._threads = ThreadPoolExecutor(FETCHING, f"{name}-pictures")
        self._taken: list[Message] = []
        self._batches: deque[_Batch] = deque()
        self._known: Mapping[str, Outcome] = {}
        self._ready: deque[Brought] = deque()
        self._place = place(cursor)
        self._reached = self._place.position
        self._repeats: OrderedDict[str, None] = OrderedDict()
        self._status_due_ms = 0

    def read(self, max_items: int) -> Sequence[Brought]:
        """What is ready now, in order. May raise `Unavailable`; nothing is lost by it."""
        self._publish()
        if not self._ready:
            self._place = Place(self._reached, self._socket.host or self._place.host)
            self._take()
            self._finish()
        return [self._ready.popleft() for _ in range(min(max_items, len(self._ready)))]

    def cursor(self) -> bytes:
        if not self._ready:
            self._place = Place(self._reached, self._socket.host or self._place.host)
        return msgspec.json.encode(self._place)

    def progress(self) -> Progress | None:
        return None

    def close(self) -> None:
        self._socket.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- in ---------------------------------------------------------------------

    def _take(self) -> None:
        """Look at what has come in, unless enough waits for pictures already."""
        if len(self._batches) >= WAITING:
            return
        self._taken = self._taken or self._socket.take(TAKEN, 0.0)
        if not self._taken:
            return
        self._reader.prepare([message for message, _ in self._taken])
        batch = _Batch([], self._taken[-1][1])
        for message, _ in self._taken:
            batch.items += self._read(message)
        self._taken = []
        drafts = [item[0] for item in batch.items if isinstance(item, tuple)]
        urls = [media.url for draft in drafts for media in draft.media if media.url]
        if urls and self._wiring.fetch is not None:
            batch.pictures = self._threads.submit(_fetch, self._wiring.fetch, urls)
        self._batches.append(batch)

    def _read(self, message: bytes) -> list[tuple[Draft, tuple[str, ...]] | Gone | Refused]:
        """What one message says, as far as a topic or a removal is concerned."""
        kept: list[tuple[Draft, tuple[str, ...]] | Gone | Refused] = []
        try:
            for item in self._reader.parse(message):
                if isinstance(item, BadRecord):
                    kept.append(self._refused(item, message))
                elif isinstance(item, Gone):
                    kept.append(checked_gone(item, self._wiring.now_ms()))
                else:
                    kept += self._matched(item, message)
        except BadRecord as error:
            kept.append(self._refused(error, message))
        return kept

    def _matched(
        self, draft: Draft, message: bytes
    ) -> list[tuple[Draft, tuple[str, ...]] | Gone | Refused]:
        """The draft with its topics; nothing where there is none, or it went on before."""
        self.counters.posts_read += 1
        topics = self._builder.topics(draft)
        if not topics or draft.id in self._repeats:
            return []
        try:
            draft = checked_post(draft, self._wiring.now_ms())
        except BadRecord as error:
            return [self._refused(error, message)]
        self._repeats[draft.id] = None
        if len(self._repeats) > REPEATS:
            self._repeats.popitem(last=False)
        return [(draft, topics)]

    def _refused(self, error: BadRecord, message: bytes) -> Refused:
        self.counters.dead_lettered += 1
        self.counters.reason(error.reason)
        return Refused(self.name, self._socket.host, 0, error.reason, str(error), message)

    # -- out --------------------------------------------------------------------

    def _finish(self) -> None:
        """Make records of the first batches whose pictures are there."""
        while self._batches and not self._ready:
            batch = self._batches[0]
            if batch.pictures is not None:
                if not batch.pictures.done():
                    return
                self._known = batch.pictures.result()
            out = self._brought(batch)
            self._batches.popleft()
            self._ready.extend(out)
            self._reached = batch.position

    def _brought(self, batch: _Batch) -> list[Brought]:
        """The batch as records; may be called again where it raised `Unavailable`."""
        removals, now_ms = self._wiring.removals, self._wiring.now_ms()
        if batch.posts is None:
            matched = [item for item in batch.items if isinstance(item, tuple)]
            batch.posts = self._builder.posts(matched)
        if removals is not None:
            removals.note(batch.posts)
        coming = iter(batch.posts)
        out: list[Brought] = []
        for item in batch.items:
            if isinstance(item, Refused):
                out.append(item)
            elif isinstance(item, Gone):
                ids = removals.ids(item) if removals is not None else [item.id]
                out += [Deletion(i, self.namespace, item.at_ms or now_ms) for i in ids]
            else:
                out.append(next(coming))
        gone = [item.id for item in out if isinstance(item, Deletion)]
        self._reader.keep([item[0] for item in batch.items if isinstance(item, tuple)], gone)
        self.counters.deletions += len(gone)
        return out

    def _fetched(self, urls: Sequence[str]) -> Sequence[Outcome]:
        return [self._known[url] for url in urls]

    def _publish(self) -> None:
        """Tell the store how we are; that it can't be told is no reason to stop."""
        now_ms = self._wiring.now_ms()
        if now_ms < self._status_due_ms:
            return
        self._status_due_ms = now_ms + STATUS_MS
        try:
            self._wiring.publish(self._watch.status().to_json())
        except Unavailable as error:
            log.warning("%s: status not published: %s", self.name, error)


def _fetch(fetch: Fetch, urls: Sequence[str]) -> Mapping[str, Outcome]:
    return dict(zip(urls, fetch(urls), strict=True))
