"""Every key of the store: its name, what lies in it, and how long it stays.

All keys of a topic share one hash slot (`{namespace/topic}`), so that one
script may touch them all, on a cluster too. README.md beside this file shows
them with `redis-cli`.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from hashlib import blake2b

PREFIX = "ut:"
SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PANES_PER_SLICE = 60
"""Panes share a hash, sixty to a slice: small enough to stay a listpack on a default server."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """One width of panes. A pane is kept until the watermark is `keep_ms` past its end."""

    name: str
    width_ms: int
    keep_ms: int

    @property
    def slice_ms(self) -> int:
        return self.width_ms * PANES_PER_SLICE


TEN_SECONDS = Resolution("10s", 10 * SECOND_MS, 6 * HOUR_MS)
MINUTES = Resolution("1m", MINUTE_MS, 7 * DAY_MS)
HOURS = Resolution("1h", HOUR_MS, 400 * DAY_MS)
RESOLUTIONS = (TEN_SECONDS, MINUTES, HOURS)

PANE_FIELDS = (
    "negative",
    "neutral",
    "positive",
    "sum",
    "squares",
    "late",
    "reposts",
    "images",
)
"""A pane's value: these integers, in this order, as decimal text with a blank between."""

TOTAL_FIELDS = (*PANE_FIELDS, "duplicates", "too_late", "deleted", "unseen_language")
"""Fields of a topic's totals besides `first_post` and `last_post` (milliseconds)."""

SLACK_MS = 2 * DAY_MS
"""Keys outlive their retention by this much wall time: an aggregator may lag so far behind."""
STREAM_RETENTION_MS = 8 * DAY_MS
"""Ids outlive their memory by what the streams keep (7 days by default) and a day."""

WORDS_MS = 2 * DAY_MS
"""Kept posts stay so long in wall time, and no post's words stay longer anywhere."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Hashes that keep the `limit` greatest posts of each slice of event time.

    The key is `<name><number of the slice>`; a field is "weight:created:id" (or
    "rank:created:id"), its value the post as JSON (`services.store.posts`).
    """

    name: str
    width_ms: int
    limit: int


TOP_MINUTE, TOP_HOUR = Tier("top:1m:", MINUTE_MS, 3), Tier("top:1h:", HOUR_MS, 5)
"""The posts that weigh most."""
SAMPLE_MINUTE, SAMPLE_HOUR = Tier("sample:1m:", MINUTE_MS, 6), Tier("sample:1h:", HOUR_MS, 24)
"""Posts drawn evenly, by a digest of their id: the same whatever the order they come in."""
TOPS, SAMPLES = (TOP_MINUTE, TOP_HOUR), (SAMPLE_MINUTE, SAMPLE_HOUR)
SAMPLE_MINUTES_MS = 65 * MINUTE_MS
"""So long a minute's sample is kept behind the watermark; an hour's for WORDS_MS."""
PROGRESS_MS = 400 * DAY_MS
DELETED_MS = 10 * DAY_MS
KEPT_MS = 3 * DAY_MS
"""The index from a post to the topics that keep its words outlives the words."""

NAMESPACES = f"{PREFIX}namespaces"
BOOKS = ("alerts", "compared")
"""Where a namespace's alerts are kept: the one book, and another where two rule sets are compared.
In `floors` they say up to where alerts are judged."""
UNJUDGED_MS = 6 * HOUR_MS
"""Live, nothing is kept longer for alerts that nobody judges."""
AGGREGATORS = f"{PREFIX}aggregator:"
BEAT_MS = 10_000


def digest(text: str) -> str:
    """Eleven characters (64 bits) for an id. A million in a set: 1 in 37 million that two collide.

    Text, since the MessagePack of Lua scripts knows no binary type.
    """
    eight = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return b2a_base64(eight, newline=False)[:11].decode("ascii")


def rank(digest_: str) -> str:
    """Ten digits, evenly spread over ids, of an id's digest: what a sample goes by."""
    return f"{int.from_bytes(a2b_base64(digest_ + '='), 'big') % 10**10:010d}"


def topic_prefix(namespace: str, topic: str) -> str:
    """What every key of a topic starts with."""
    return f"{PREFIX}{{{namespace}/{topic}}}:"


def namespace_prefix(namespace: str) -> str:
    """What every key of a namespace as a whole starts with (one slot)."""
    return f"{PREFIX}{{{namespace}}}:"


def progress_key(stream: str, epoch: str) -> str:
    """Positions and marks per partition of one epoch of the `scores` stream."""
    return f"{PREFIX}progress:{stream}:{epoch}"


def window_end(newest_ms: int) -> int:
    """Where a rolling window ends whose newest post may be at `newest_ms`: exclusive, on a pane."""
    width = TEN_SECONDS.width_ms
    return (newest_ms // width + 1) * width


def namespace_patterns(namespace: str) -> tuple[str, str]:
    """Glob patterns that match every key of a namespace. Its name holds no glob character."""
    return f"{PREFIX}{{{namespace}/*", f"{PREFIX}{{{namespace}}}:*"
