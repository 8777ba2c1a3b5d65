"""Posts that the store keeps whole: those that weigh most, and a sample of all.

A post is one JSON document, in a field of every tier (`services.store.schema`)
that keeps it.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from services.records import Scored
from services.store import schema
from services.store.client import Client
from services.store.schema import HOUR_MS, MINUTE_MS, Tier

Probabilities = tuple[float, float, float]


class KeptPost(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scored post as it is kept; the fields are those of `services.records.Scored`.

    Probabilities and the picture's weight are rounded to four digits.
    """

    id: str
    created_at_ms: int
    label: int
    score: int
    text: str
    url: str
    author: str
    author_name: str
    lang: str
    kind: str
    picture_urls: tuple[str, ...]
    original_id: str = ""
    has_image: bool = False
    has_text: bool = False
    picture_weight: float = 0.0
    dmlanet: Probabilities | None = None
    rnnca: Probabilities | None = None
    attention: str = ""
    """Base64 (`looked` gives the bytes): JSON has none."""
    partition: int = -1
    """With `offset` the post's place in `posts`; -1 where an older version kept it."""
    offset: int = -1
    unseen_language: bool = False
    masked_reason: str = ""

    @property
    def looked(self) -> bytes:
        """Where the networks looked, as `services.attention.unpack` takes it."""
        return a2b_base64(self.attention)


_encode = msgspec.json.Encoder().encode
read = msgspec.json.Decoder(KeptPost).decode
"""A post from its document."""


def document(record: Scored) -> str:
    """The kept part of a scored post, as JSON."""
    kept = KeptPost(
        record.id,
        record.created_at_ms,
        record.label,
        record.score,
        record.text,
        record.url,
        record.author,
        record.author_name,
        record.lang,
        record.kind,
        record.picture_urls,
        record.original_id,
        record.has_image,
        record.has_text,
        round(record.picture_weight, 4),
        _rounded(record.dmlanet),
        _rounded(record.rnnca),
        b2a_base64(record.attention, newline=False).decode("ascii"),
        record.partition,
        record.offset,
        record.unseen_language,
        record.masked_reason,
    )
    return _encode(kept).decode()


def _rounded(probabilities: Probabilities) -> Probabilities:
    negative, neutral, positive = probabilities
    return round(negative, 4), round(neutral, 4), round(positive, 4)


def sample(client: Client, prefix: str, start_ms: int, stop_ms: int) -> list[KeptPost]:
    """Posts of a topic (`prefix`) in [start_ms, stop_ms), drawn evenly, in order of time.

    A window of up to 65 minutes takes six posts of each minute that still has a
    sample of its own, and of other minutes what their hour's sample (24 posts)
    has of them; a longer one takes the hours' samples.
    """
    held: dict[str, KeptPost] = {}
    covered: set[int] = set()
    if stop_ms - start_ms <= schema.SAMPLE_MINUTES_MS:
        for number, posts in _slices(client, prefix, schema.SAMPLE_MINUTE, start_ms, stop_ms):
            covered.add(number)
            held |= posts
    for _, posts in _slices(client, prefix, schema.SAMPLE_HOUR, start_ms, stop_ms):
        held |= {
            i: post for i, post in posts.items() if post.created_at_ms // MINUTE_MS not in covered
        }
    inside = (post for post in held.values() if start_ms <= post.created_at_ms < stop_ms)
    return sorted(inside, key=lambda post: (post.created_at_ms, post.id))


def _slices(
    client: Client, prefix: str, tier: Tier, start_ms: int, stop_ms: int
) -> Iterator[tuple[int, dict[str, KeptPost]]]:
    """The slices of a tier that hold anything, each with its posts by id."""
    numbers = range(start_ms // tier.width_ms, -(-stop_ms // tier.width_ms))
    answers = client.pipe([("HVALS", f"{prefix}{tier.name}{number}") for number in numbers])
    for number, values in zip(numbers, answers, strict=True):
        if values:
            yield number, {post.id: post for post in map(read, values)}


def post(client: Client, prefix: str, post_id: str, created_at_ms: int) -> KeptPost | None:
    """One kept post; None where the topic does not keep it (any more)."""
    keys = [
        f"{prefix}{tier.name}{created_at_ms // tier.width_ms}"
        for tier in (*schema.SAMPLES, *schema.TOPS)
    ]
    answers: list[Mapping[bytes, bytes]] = client.pipe([("HGETALL", key) for key in keys])
    ending = f":{created_at_ms:013d}:{post_id}".encode()
    for held in answers:
        for name, value in held.items():
            if name.endswith(ending) and (found := read(value)).id == post_id:
                return found
    return None


def authors(client: Client, prefix: str, start_ms: int, stop_ms: int) -> int:
    """Distinct authors of a topic in [start_ms, stop_ms), to about 1 %.

    Whole minutes; where those of a ragged hour are gone (after 65 minutes), the
    whole hour. Hours are kept for 26 hours behind the watermark.
    """
    first, last = -(-start_ms // HOUR_MS), stop_ms // HOUR_MS
    ragged = _ragged(start_ms, stop_ms, first, last)
    minutes = {hour: [f"{prefix}authors:1m:{m}" for m in span] for hour, span in ragged.items()}
    there = client.pipe([("EXISTS", *keys) for keys in minutes.values()])
    keys = [f"{prefix}authors:1h:{hour}" for hour in range(first, last)]
    for (hour, names), found in zip(minutes.items(), there, strict=True):
        keys += names if found else [f"{prefix}authors:1h:{hour}"]
    return int(client.call("PFCOUNT", *keys)) if keys else 0


def _ragged(start_ms: int, stop_ms: int, first: int, last: int) -> dict[int, range]:
    """Hours that the window covers in part, with its minutes there."""
    begin, end = start_ms // MINUTE_MS, -(-stop_ms // MINUTE_MS)
    hours: Iterable[int] = {start_ms // HOUR_MS, max(start_ms, stop_ms - 1) // HOUR_MS}
    return {
        hour: span
        for hour in sorted(hours)
        if not first <= hour < last
        and (span := range(max(begin, hour * 60), min(end, hour * 60 + 60)))
    }
