"""What the hops write: counted posts, positions, cursors, namespaces, deletions.

Readers are in `services.store.reader`. Every call may raise `Unavailable`, and
may then be made again: applying twice counts once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from services.errors import Rewound
from services.records import SCORE_UNIT
from services.store import schema
from services.store.client import Client
from services.store.embedded import EmbeddedServer
from services.store.scripts import Scripts

_pack = msgspec.msgpack.Encoder().encode

LATE, TOO_LATE, REPOST, IMAGE, UNSEEN_LANGUAGE = 1, 2, 4, 8, 16
NO_PANE = {"10s": 32, "1m": 64, "1h": 128}
"""Flags of an `Entry`; `NO_PANE` where the pane is past its retention."""
TOPS_PER_WINDOW = 5
DURABLE_TIMEOUT_MS = 5_000

Entry = tuple[int, str, int, int, int, int, str]
"""A record to count: offset, id digest, created_ms, label, score, flags, author digest or ""."""
Slice = tuple[str, int, Sequence[str | int]]
"""Who may be among a slice's greatest: key suffix, limit, then in turn a field and its entry's
index from 1."""


@dataclass(frozen=True, slots=True)
class TopicBatch:
    """One topic's records of one scores partition, in offset order."""

    namespace: str
    topic: str
    entries: Sequence[Entry]
    slices: Sequence[Slice] = ()
    documents: Mapping[int, str] = field(default_factory=dict)
    """By the index of their entry from 1: the posts named in `slices`, as JSON."""
    expiries: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scores partition is counted, and the marks that were known there (JSON)."""

    position: int
    marks: bytes = b""


class Store:
    """One Redis, Valkey or cluster. Use from one thread at a time, or open another."""

    def __init__(self, client: Client, server: EmbeddedServer | None = None) -> None:
        self.client = client
        self.scripts = Scripts(client)
        self._server = server

    # -- counting ---------------------------------------------------------------

    def apply(self, place: str, batches: Sequence[TopicBatch]) -> list[list[int]]:
        """Count what was not counted yet; per batch, the indices (from 1) that were.

        `place` is "epoch:partition" of the scores stream. `Rewound` if the server is
        not the one whose progress we read.
        """
        commands = [
            self.scripts.guarded(
                "apply",
                schema.topic_prefix(batch.namespace, batch.topic) + "at",
                _pack((place, batch.entries, batch.documents, batch.slices, batch.expiries)),
            )
            for batch in batches
        ]
        return self.scripts.run_guarded(commands)

    def roll(self, topics: Sequence[tuple[str, str, int, bool]]) -> None:
        """Write rolling windows: (namespace, topic, end_ms, refresh authors and top posts)."""
        self.scripts.run("roll", [roll_call(*topic, write=True) for topic in topics])

    # -- progress ---------------------------------------------------------------

    def begin_session(self) -> None:
        """Trust the server as it is; read its progress after this."""
        self.scripts.begin_session()

    def progress(self, stream: str, epoch: str, partitions: Sequence[int]) -> dict[int, Progress]:
        """What the store holds of these partitions of `scores`; nothing of those it never saw."""
        if not partitions:
            return {}
        fields = [name for p in partitions for name in (str(p), f"{p}:marks")]
        values = self.client.call("HMGET", schema.progress_key(stream, epoch), *fields)
        pairs = zip(partitions, values[::2], values[1::2], strict=True)
        return {p: Progress(int(at), marks or b"") for p, at, marks in pairs if at is not None}

    def advance(
        self,
        stream: str,
        epoch: str,
        known: Mapping[int, Progress],
        new: Mapping[int, Progress],
    ) -> None:
        """Move partitions from what we `known` to `new`; `Rewound` if another moved one."""
        moves = [
            (
                str(p),
                str(known[p].position) if p in known else "",
                str(at.position),
                at.marks.decode(),
            )
            for p, at in new.items()
        ]
        key = schema.progress_key(stream, epoch)
        command = self.scripts.guarded("progress", key, _pack(moves), schema.PROGRESS_MS)
        (strangers,) = self.scripts.run_guarded([command])
        if strangers:
            names = ", ".join(name.decode() for name in strangers)
            raise Rewound(f"the store's positions of partitions {names} are not what we wrote")

    def has_progress(self, stream: str, epoch: str) -> bool:
        """True if any partition of this epoch was ever counted."""
        return bool(self.client.call("EXISTS", schema.progress_key(stream, epoch)))

    def make_durable(self) -> None:
        """Return once everything written so far survives the loss of a server.

        One server keeps one log, in which positions stand behind what they cover:
        whatever part of it survives is consistent, so there is nothing to wait for.
        A cluster has a log per primary, and each must have what positions cover.
        """
        if self.client.is_cluster:
            self.client.sync_primaries(DURABLE_TIMEOUT_MS)

    def remove(self, keys: Sequence[str]) -> None:
        """Delete keys in the background."""
        self.client.pipe([("UNLINK", key) for key in keys])

    def snapshot(
        self, namespace: str, topic: str, slices: Sequence[str]
    ) -> tuple[dict[str, str], dict[str, str], int, *tuple[dict[str, str], ...]]:
        """At one moment: offsets applied per place, totals, authors, and these slices of panes."""
        key = schema.topic_prefix(namespace, topic) + "at"
        ((at, totals, authors, *panes),) = self.scripts.run("snapshot", [(key, *slices)])
        return (_hash(at), _hash(totals), authors, *map(_hash, panes))

    # -- namespaces -------------------------------------------------------------

    def add_namespace(self, namespace: str, kind: str, created_ms: int, options: str = "") -> None:
        """Register a namespace (`kind`: "live" or "replay") unless it is there."""
        entry = json.dumps({"kind": kind, "created_ms": created_ms, "options": options})
        self.client.call("HSETNX", schema.NAMESPACES, namespace, entry)

    def add_topics(self, namespace: str, newest: Mapping[str, int]) -> None:
        """Register topics with their newest event time, which never goes back."""
        key = schema.namespace_prefix(namespace) + "topics"
        pairs = [item for topic, ms in newest.items() for item in (ms, topic)]
        if pairs:
            self.client.call("ZADD", key, "GT", *pairs)

    def delete_namespace(self, namespace: str) -> None:
        """Remove everything of a namespace: topics, windows, cursors."""
        self._unlink(schema.namespace_patterns(namespace), keep=())
        self.client.call("HDEL", schema.NAMESPACES, namespace)

    def clear_counts(self, namespace: str) -> None:
        """Remove what was counted in a namespace, and leave where its sources stand, and its
        alerts: nobody is told anew of what is counted anew."""
        own = schema.namespace_prefix(namespace)
        keep = tuple(
            (own + name).encode() for name in ("cursors", "floors", "sources", "account:", "alerts")
        )
        self._unlink(schema.namespace_patterns(namespace), keep)

    def clear_progress(self, stream: str) -> None:
        """Forget every position of a stream of scores, of every epoch."""
        self._unlink((schema.progress_key(stream, "*"),), keep=())

    def _unlink(self, patterns: Sequence[str], keep: tuple[bytes, ...]) -> None:
        for pattern in patterns:
            keys = iter([k for k in self.client.scan(pattern) if not k.startswith(keep)])
            while chunk := list(islice(keys, 1_000)):
                self.client.pipe([("UNLINK", key) for key in chunk])

    # -- who is at work ---------------------------------------------------------

    def beat(self, worker: str, alive: bool = True) -> None:
        """Say that an aggregator is at work (for ten seconds), or that it has ended."""
        key = f"{schema.AGGREGATORS}{worker}"
        if alive:
            self.client.call("SET", key, "", "PX", schema.BEAT_MS)
        else:
            self.client.call("UNLINK", key)

    def workers(self) -> list[str]:
        """Aggregators that were at work within the last ten seconds."""
        keys = self.client.scan(schema.AGGREGATORS + "*")
        return sorted({key.decode().removeprefix(schema.AGGREGATORS) for key in keys})

    # -- watermarks -------------------------------------------------------------

    def publish_watermarks(self, namespace: str, fields: Mapping[str, int]) -> None:
        """Per scores partition ("3"), its watermark in ms; "ended:3" where all is in."""
        flat = [item for pair in fields.items() for item in pair]
        key = schema.namespace_prefix(namespace) + "watermark"
        self.scripts.run("watermark", [(key, *flat)])

    def expect_partitions(self, namespace: str, partitions: int) -> None:
        """How many partitions of scores must speak before there is a watermark: those that
        there were when the namespace began."""
        key = schema.namespace_prefix(namespace) + "watermark"
        self.client.call("HSETNX", key, "partitions", partitions)

    def watermark_fields(self, namespace: str) -> dict[str, int]:
        """What was published: per scores partition, and `partitions`."""
        held = self.client.call("HGETALL", schema.namespace_prefix(namespace) + "watermark")
        return {name.decode(): int(value) for name, value in held.items()}

    # -- cursors ----------------------------------------------------------------

    def save_cursor(self, namespace: str, source: str, cursor: bytes) -> None:
        """Where a source goes on after a break. Save it once all before it is counted.

        Ids are remembered from here back, however far the watermark has come since.
        """
        prefix = schema.namespace_prefix(namespace)
        fields = self.watermark_fields(namespace)
        reached = [ms for name, ms in fields.items() if name.isdecimal()]
        commands: list[tuple[object, ...]] = [("HSET", prefix + "cursors", source, cursor)]
        if reached:
            commands.append(("HSET", prefix + "floors", source, min(reached)))
        self.client.pipe(commands)

    def load_cursor(self, namespace: str, source: str) -> bytes | None:
        answer: bytes | None = self.client.call(
            "HGET", schema.namespace_prefix(namespace) + "cursors", source
        )
        return answer

    def floor_ms(self, namespace: str) -> int | None:
        """The event time behind which no cursor of the namespace goes back."""
        cursors = [ms for name, ms in self._floors(namespace) if name not in schema.BOOKS]
        return min(cursors, default=None)

    def judged_ms(self, namespace: str) -> int | None:
        """The event time up to which its alerts are judged; None where nobody judges them."""
        books = [ms for name, ms in self._floors(namespace) if name in schema.BOOKS]
        return min(books, default=None)

    def _floors(self, namespace: str) -> list[tuple[str, int]]:
        held = self.client.call("HGETALL", schema.namespace_prefix(namespace) + "floors")
        return [(name.decode(), int(ms)) for name, ms in held.items()]

    def close(self) -> None:
        """Let go; an embedded server that nobody else uses saves and ends."""
        self.client.close()
        if self._server is not None:
            self._server.release()


def _hash(flat: Sequence[bytes]) -> dict[str, str]:
    words = [word.decode() for word in flat]
    return dict(zip(words[::2], words[1::2], strict=True))


def roll_call(
    namespace: str, topic: str, end_ms: int, refresh: bool, *, write: bool
) -> tuple[object, ...]:
    """The key and arguments of the `roll` script."""
    key = schema.topic_prefix(namespace, topic) + "rolling"
    flags = (int(write), int(refresh))
    return (key, end_ms, *flags, TOPS_PER_WINDOW, SCORE_UNIT, schema.WORDS_MS)
