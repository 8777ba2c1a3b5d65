"""Builders of scored posts and of the streams that hold them, for tests of the counting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.aggregation.audit import Names
from services.records import AnyRecord, Post, Scored, Watermark, encode, topic_key
from services.stream.memory import MemoryStreams
from services.stream.port import ALL_PARTITIONS, Output, Record

START_MS = 1_700_000_000_000 // 3_600_000 * 3_600_000
"""A full hour in November 2023."""
SCORES = "scores"
NAMES = Names("posts", SCORES, "dead-letters")


def scored(
    post: str = "1",
    at_ms: int = 0,
    *,
    topic: str = "brand",
    namespace: str = "replay-1",
    label: int = 2,
    score: int = 5_000,
    author: str = "",
    kind: str = "post",
    has_image: bool = True,
    text: str = "words",
    place: tuple[int, int] = (0, 0),
) -> Scored:
    """A scored post, `at_ms` after START_MS."""
    third = (0.2, 0.2, 0.6)
    return Scored(
        id=f"x:{post}",
        namespace=namespace,
        topic=topic,
        created_at_ms=START_MS + at_ms,
        arrived_at_ms=START_MS + at_ms,
        label=label,
        score=score,
        dmlanet=third,
        rnnca=third,
        picture_weight=0.5,
        has_image=has_image,
        has_text=True,
        partition=place[0],
        offset=place[1],
        author=author,
        kind=kind,
        text=text,
        url=f"https://x.com/i/status/{post}",
    )


def mark(
    at_ms: int,
    partition: int = 0,
    partitions: int = 1,
    *,
    namespace: str = "replay-1",
    idle: bool = False,
    ended: bool = False,
) -> Watermark:
    """What inference says of one partition of posts."""
    return Watermark(namespace, partition, partitions, START_MS + at_ms, idle, ended)


def post(number: str, topics: Sequence[str], namespace: str = "replay-1") -> Post:
    return Post(f"x:{number}", namespace, "x", START_MS, START_MS, "words", tuple(topics))


def records(items: Iterable[AnyRecord], partition: int = 0, first: int = 0) -> list[Record]:
    """As polled from one partition of scores."""
    return [
        Record(SCORES, partition, first + n, b"", encode(item), 0) for n, item in enumerate(items)
    ]


def streams(partitions: int = 1) -> MemoryStreams:
    """Streams that keep everything."""
    made = MemoryStreams(partitions, capacity=10**9, tail=10**9)
    made.create_streams({NAMES.posts: 1, SCORES: partitions, NAMES.dead_letters: 1})
    return made


def send(to: MemoryStreams, items: Iterable[AnyRecord]) -> None:
    """Write to scores as inference does: by topic, or to every partition."""
    producer = to.producer()
    for item in items:
        if isinstance(item, Scored):
            key = topic_key(item.namespace, item.topic)
            producer.send(Output(SCORES, key, encode(item)))
        else:
            producer.send(Output(SCORES, None, encode(item), partition=ALL_PARTITIONS))
    producer.flush(1.0)


def everything(of: MemoryStreams, partition: int) -> Sequence[Record]:
    return of.read(SCORES, partition, 0, of.ends(SCORES)[partition])
