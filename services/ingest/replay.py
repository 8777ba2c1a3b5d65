"""The source of archives: files in, posts in event-time order out, and a place to go on from.

The cursor is the key of the last item handed out, with what was counted up to
it. Keys are the same whenever the archive is read, so a replay that was broken
off reads again and drops everything up to the key: same totals.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from services.errors import UsageError
from services.ingest.archive import STDIN, Archive, ReadOptions
from services.ingest.draft import Draft, Gone, Item
from services.ingest.files import files_of
from services.ingest.formats.tabular import Columns
from services.ingest.media import Fetch, MediaFolder, Pictures
from services.ingest.order import Key, Keyed, keyed, merged, time_of, windowed
from services.ingest.pace import Pace
from services.ingest.plan import Plan, Planner, SpanRow
from services.ingest.posts import Matcher, PostBuilder
from services.ingest.runs import Run
from services.ingest.source import Brought, Counters, Progress
from services.records import Deletion, Post

ORDERING, REPLAYING = "ordering", "replaying"
SLICE_S = 0.2
"""How long one `read` works at most before it hands out what it has."""
SLICE_ITEMS = 500
"""Items between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """What `undertone replay` was told. Times are milliseconds since 1970, half-open."""

    archives: tuple[Path, ...]
    """Files, folders, or `-`."""
    namespace: str
    workspace: Path
    """A folder of this replay's own, for sorted runs."""
    media: Path | None = None
    format: str = ""
    columns: str = ""
    speed: float | None = None
    """Times real time; None for as fast as it goes."""
    from_ms: int | None = None
    to_ms: int | None = None
    topics_digest: str = ""
    """Of the topics: another set of topics is another replay."""
    fetched: bool = False
    """Whether pictures that the folder lacks are fetched."""

    def fingerprint(self) -> str:
        """The same for the same files, pictures, topics and options: what a cursor belongs to."""
        files = [
            (str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns)
            if path != STDIN
            else ("-", 0, 0)
            for path in files_of(self.archives, self.media)
        ]
        media = str(self.media.absolute()) if self.media is not None else ""
        told = (self.format, self.columns, self.from_ms, self.to_ms, self.topics_digest)
        parts = (files, media, self.fetched, *told)
        return blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()


class Cursor(msgspec.Struct, frozen=True):
    """A place in a replay, as it is saved."""

    fingerprint: str
    key: Key | None
    counters: Counters
    ended: bool = False


def open_replay(
    options: ReplayOptions,
    matcher: Matcher,
    *,
    cursor: bytes = b"",
    fetch: Fetch | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    clock: Callable[[], float] = time.monotonic,
) -> Replay:
    """The source, from its beginning or from a saved `cursor`.

    `UsageError` where files are missing, options contradict, or the cursor is
    another replay's.
    """
    fingerprint = options.fingerprint()
    place = Cursor(fingerprint, None, Counters())
    if cursor:
        place = msgspec.json.decode(cursor, type=Cursor)
        if place.fingerprint != fingerprint:
            raise UsageError(
                f"the namespace {options.namespace!r} holds another replay (other files, pictures, "
                "topics or options): choose another one with --namespace"
            )
    folder = MediaFolder(options.media) if options.media is not None else None
    return Replay(options, matcher, Pictures(folder, fetch), place, now_ms, clock)


class Replay:
    """Implements `Source`."""

    name = "replay"

    def __init__(
        self,
        options: ReplayOptions,
        matcher: Matcher,
        pictures: Pictures,
        place: Cursor,
        now_ms: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self.namespace = options.namespace
        self.counters = place.counters
        self._options, self._place, self._clock = options, place, clock
        self._builder = PostBuilder(
            options.namespace, lambda: matcher, pictures, now_ms, self.counters
        )
        told = ReadOptions(options.format, Columns.parse(options.columns))
        paths = files_of(options.archives, options.media)
        self._archives = [Archive(path, told, now_ms) for path in paths]
        self._sizes = [0 if path == STDIN else path.stat().st_size for path in paths]
        self._planner = Planner(self._archives, options.workspace, place.fingerprint, self._take)
        self._phase = ORDERING
        self._direct: frozenset[int] = frozenset()
        self._runs: list[Run] = []
        self._run_bytes = 0
        self._key = place.key
        self._ended = place.ended
        self._held: Keyed | None = None
        self._pace = Pace(options.speed, clock)
        self._event_ms = 0
        self._items = self._run()

    @property
    def ended(self) -> bool:
        return self._ended

    def read(self, max_items: int) -> Sequence[Brought]:
        """Up to `max_items`, or what a slice of time brings; none while still ordering."""
        taken: list[Item] = []
        until, looked = self._clock() + SLICE_S, 0
        while len(taken) < max_items and not self._ended:
            found = self._held or next(self._items, _END)
            self._held, looked = None, looked + 1
            if isinstance(found, _End):
                self._ended = True
            elif found is not None and not self._pace.due(time_of(found[3])):
                self._held = found
                break
            elif found is not None and (item := self._accept(found)) is not None:
                taken.append(item)
            if (found is None or looked % SLICE_ITEMS == 0) and self._clock() > until:
                break
        return self._built(taken)

    def cursor(self) -> bytes:
        return msgspec.json.encode(
            Cursor(self._place.fingerprint, self._key, self.counters, self._ended)
        )

    def progress(self) -> Progress:
        total = sum(self._sizes)
        if self._phase == ORDERING:
            at = self._planner.at
            done = sum(self._sizes[:at]) + self._archives[at].bytes_done
            return Progress(ORDERING, min(done, total), total, 0)
        done = sum(self._archives[file].bytes_done for file in self._direct)
        done += sum(run.bytes_done for run in self._runs)
        total = sum(self._sizes[file] for file in self._direct) + self._run_bytes
        return Progress(
            REPLAYING, total if self._ended else min(done, total), total, self._event_ms
        )

    def close(self) -> None:
        """Let go of the files; what ordering left on disk goes once the replay is through."""
        self._items.close()
        if self._ended:
            shutil.rmtree(self._options.workspace, ignore_errors=True)

    # Ordering, and reading in order.

    def _run(self) -> Generator[Keyed | None, None, None]:
        """Items in order after the cursor; None where only work was done."""
        plan = self._planner.saved()
        if plan is None:
            for _ in self._planner.steps():
                yield None
            plan = self._planner.plan
        assert plan is not None
        if self._place.key is None:
            self.counters.add_read(plan.counters)
        self._phase = REPLAYING
        yield from merged(self._streams(plan))

    def _streams(self, plan: Plan) -> list[Iterator[Keyed]]:
        self._direct = frozenset(span.file for chain in plan.chains for span in chain)
        paths = [self._options.workspace / name for name in plan.runs]
        self._runs = [Run(path) for path in paths]
        self._run_bytes = sum(path.stat().st_size for path in paths)
        streams = [self._chain(chain) for chain in plan.chains]
        return [*streams, *(run.items(self._place.key) for run in self._runs)]

    def _chain(self, chain: Sequence[SpanRow]) -> Iterator[Keyed]:
        """Files one after another, each put right; what the cursor has passed is dropped."""
        after = self._place.key
        for span in chain:
            if after is not None and span.last_ms < after[0]:
                continue
            items = windowed(keyed(self._archives[span.file].items(), span.file))
            yield from items if after is None else (item for item in items if item[:3] > after)

    # Choosing and making.

    def _accept(self, found: Keyed) -> Item | None:
        """Move the place behind the item; the item, if it is to be handed out.

        What comes from a run was counted and matched when it was written.
        """
        time_ms, file, number, item = found
        self._key = (time_ms, file, number)
        self._event_ms = time_ms
        return self._take(item, self.counters) if file in self._direct else item

    def _take(self, item: Item, counters: Counters) -> Item | None:
        """Count an item; the post with its topics, or None for what no topic takes."""
        if isinstance(item, Draft):
            if not self._within(item.created_at_ms):
                return None
            counters.posts_read += 1
            topics = self._builder.topics(item)
            return msgspec.structs.replace(item, topics=topics) if topics else None
        if isinstance(item, Gone):
            if not self._within(item.at_ms):
                return None
            counters.deletions += 1
        else:
            counters.dead_lettered += 1
            counters.reason(item.reason)
        return item

    def _within(self, time_ms: int | None) -> bool:
        low, high = self._options.from_ms, self._options.to_ms
        if time_ms is None:
            return True
        return (low is None or time_ms >= low) and (high is None or time_ms < high)

    def _built(self, taken: Sequence[Item]) -> list[Brought]:
        """Drafts to posts, all at once and in their places."""
        drafts = [(item, item.topics) for item in taken if isinstance(item, Draft)]
        posts: Iterator[Post] = iter(self._builder.posts(drafts))
        return [
            next(posts)
            if isinstance(item, Draft)
            else Deletion(item.id, self.namespace, item.at_ms or self._event_ms)
            if isinstance(item, Gone)
            else item
            for item in taken
        ]


class _End:
    """What the stream of items ends with."""


_END = _End()
