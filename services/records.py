"""The records that travel on the streams, and their encoding.

On the wire a record is two bytes of header, `U` and the format's version,
then one MessagePack array whose first item names the kind. Pictures are raw
JPEG bytes, never base64. Fields are only ever appended, with a default, so
that a newer reader takes older records; a record of a newer version is
refused (`BadRecord`) and dead-lettered, since what it means is unknown.

    posts    keyed by post id:   Post, Deletion, End
    scores   keyed by topic:     Scored; to every partition: Deletion, Watermark
"""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

import msgspec

from services.errors import BadRecord

MAGIC = b"U"
VERSION = 1
SCORE_UNIT = 10_000
"""Scores are integers of 1/10,000, so that sums are exact in any order of addition."""

TIME_END_MS = 10**13
"""Of event times, in the year 2286: what keys, scores of sorted sets and scripts can hold."""
MOST_PARTITIONS = 100_000
MOST_TOPICS = 20_000
"""Of one post: each makes a record of its own."""

NAMESPACE = r"^[A-Za-z0-9._-]{1,100}$"
"""What may name one: safe in keys, patterns and paths."""

Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.01)]
"""Of single precision, so a little more than 1 may come out; not NaN, which no JSON holds."""

MAX_WORDS = 2_048
"""Characters of a post that go on to scores, once a topic, and are kept. The networks read its
first few dozen words, and people little more; a post may have thirty times that."""

POST, REPOST, REPLY, QUOTE = "post", "repost", "reply", "quote"


class Picture(msgspec.Struct, frozen=True, array_like=True):
    """One picture of a post. `jpeg` is None where it could not be had, and `reason` says why."""

    jpeg: bytes | None = None
    url: str = ""
    alt: str = ""
    reason: str = ""


class Post(msgspec.Struct, frozen=True, array_like=True, tag="post"):
    """A post that matched at least one topic.

    `id` is unique over all platforms (`x:20`, `bluesky:did:plc:…/3k…`); times are
    milliseconds since 1970 UTC. `pictures` holds at most four.
    """

    id: str
    namespace: str
    platform: str
    created_at_ms: int
    arrived_at_ms: int
    text: str
    topics: tuple[str, ...]
    author: str = ""
    author_name: str = ""
    lang: str = ""
    kind: str = POST
    url: str = ""
    original_id: str = ""
    pictures: tuple[Picture, ...] = ()


class Deletion(msgspec.Struct, frozen=True, array_like=True, tag="delete"):
    """The platform says that a post is gone: what we keep of it goes too."""

    id: str
    namespace: str
    deleted_at_ms: int


class End(msgspec.Struct, frozen=True, array_like=True, tag="end"):
    """Nothing more comes on this partition of `posts` in this namespace (a replay is through)."""

    namespace: str


class Watermark(msgspec.Struct, frozen=True, array_like=True, tag="watermark"):
    """How far one partition of `posts` has been read, sent to every partition of `scores`.

    `newest_ms` is the newest event time processed on `partition` (of `partitions`
    in all), of no post later than it arrived. `idle` partitions do not hold the watermark
    back, `ended` ones never again.
    """

    namespace: str
    partition: int
    partitions: int
    newest_ms: int
    idle: bool = False
    ended: bool = False


class Scored(msgspec.Struct, frozen=True, array_like=True, tag="scored"):
    """One post's sentiment for one topic.

    `label` indexes `models.signature.LABELS`; `score` is P(positive) - P(negative) of
    the networks' mean in units of 1/SCORE_UNIT; `dmlanet` and `rnnca` are calibrated
    (negative, neutral, positive). `partition` and `offset` are the post's place in
    `posts` (its lineage). `unseen_language` flags a language not trained on.
    `text` is its first MAX_WORDS characters. `attention` says where the networks looked
    (`services.attention`; of the first picture).
    """

    id: str
    namespace: str
    topic: str
    created_at_ms: int
    arrived_at_ms: int
    label: int
    score: int
    dmlanet: tuple[Probability, Probability, Probability]
    rnnca: tuple[Probability, Probability, Probability]
    picture_weight: Probability
    has_image: bool
    has_text: bool
    partition: int
    offset: int
    author: str = ""
    author_name: str = ""
    lang: str = ""
    kind: str = POST
    url: str = ""
    original_id: str = ""
    text: str = ""
    picture_urls: tuple[str, ...] = ()
    unseen_language: bool = False
    masked_reason: str = ""
    attention: bytes = b""


AnyRecord: TypeAlias = Post | Deletion | End | Watermark | Scored

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyRecord] = msgspec.msgpack.Decoder(AnyRecord)
_header = MAGIC + bytes([VERSION])
_NAMESPACE = re.compile(NAMESPACE)


def encode(record: AnyRecord) -> bytes:
    """The record's bytes. Text must be free of lone surrogates (ingest replaces them)."""
    return _header + _encoder.encode(record)


def decode(value: bytes | None) -> AnyRecord:
    """The record behind `value`; `BadRecord` says what is wrong with it."""
    if not value:
        raise BadRecord("empty_record", "the record has no value")
    if value[:1] != MAGIC or len(value) < 2:
        raise BadRecord("not_ours", f"the record starts with {value[:2]!r}, not with {_header!r}")
    if not 1 <= value[1] <= VERSION:
        raise BadRecord(
            "newer_version", f"the record has version {value[1]}; this program reads 1 to {VERSION}"
        )
    try:
        record = _decoder.decode(memoryview(value)[2:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord("malformed_record", str(error)) from error
    _check(record)
    return record


def valid_namespace(namespace: str) -> bool:
    """Whether it is as NAMESPACE has it."""
    return _NAMESPACE.fullmatch(namespace) is not None


def _check(record: AnyRecord) -> None:
    """Values that would break the arithmetic, or a key, of whoever reads on: whoever counts and
    whoever recounts refuse the same. A sound hop never sends them."""
    if not valid_namespace(record.namespace):
        raise BadRecord("bad_namespace", f"{record.namespace[:100]!r} can't name a namespace")
    if isinstance(record, Scored):
        _check_scored(record)
    elif isinstance(record, Watermark):
        if max(record.partition, record.partitions) > MOST_PARTITIONS or record.partition < 0:
            raise BadRecord("bad_partition", f"{record.partition} of {record.partitions}")
        _check_time(record.newest_ms)
    elif isinstance(record, Post):
        if len(record.topics) > MOST_TOPICS:
            raise BadRecord("too_many_topics", f"{len(record.topics)} of one post")
        _check_time(record.created_at_ms)
        _check_time(record.arrived_at_ms)
    elif isinstance(record, Deletion):
        _check_time(record.deleted_at_ms)


def _check_scored(record: Scored) -> None:
    if not record.id or not record.topic:
        raise BadRecord("incomplete_record", "a scored record needs an id and a topic")
    if record.label not in (0, 1, 2) or abs(record.score) > SCORE_UNIT:
        raise BadRecord("bad_score", f"label {record.label}, score {record.score}")
    if not (0 <= record.partition <= MOST_PARTITIONS and 0 <= record.offset < 1 << 63):
        raise BadRecord("bad_lineage", f"partition {record.partition}, offset {record.offset}")
    _check_time(record.created_at_ms)


def _check_time(ms: int) -> None:
    if not 0 <= ms < TIME_END_MS:
        raise BadRecord("implausible_timestamp", f"{ms} ms since 1970")


def topic_key(namespace: str, topic: str) -> bytes:
    """The key of a scored record: everything of one topic lies on one partition."""
    return f"{namespace}/{topic}".encode()
