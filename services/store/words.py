"""Which posts' words the store keeps, and how they leave it.

ut:{namespace}:kept:<partition>:<day>   hash   id digest -> its time, its topics
ut:{namespace}:deleted:<day>            set    digests of posts deleted on that day
ut:{namespace}:counted:<day>            set    the same, as far as counted
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from services.store import schema
from services.store.store import Store

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[Any]).decode


def note_kept(
    store: Store, namespace: str, partition: int, day: int, entries: Iterable[tuple[str, str, int]]
) -> None:
    """Before counting: which topics may keep a post's words (id digest, topic, created_ms)."""
    packed = _pack(tuple(entries))
    store.scripts.run("keep", [(_kept_key(namespace, partition, day), packed, schema.KEPT_MS)])


def holders(
    store: Store, namespace: str, partition: int, days: Sequence[int], ids: Sequence[str]
) -> list[list[tuple[str, int]]]:
    """Per id digest, the (topic, created_ms) that may keep the post's words."""
    keys = [_kept_key(namespace, partition, day) for day in days]
    answers = store.client.pipe([("HMGET", key, *ids) for key in keys])
    return [
        [
            (topic, created)
            for value in values
            if value is not None
            for created, *topics in [_unpack(value)]
            for topic in topics
        ]
        for values in zip(*answers, strict=True)
    ]


def forget(store: Store, namespace: str, posts: Sequence[tuple[str, str, int]]) -> None:
    """Remove the words of deleted posts: (topic, id, created_ms)."""
    commands = [
        store.scripts.guarded("forget", schema.topic_prefix(namespace, topic) + "at", post, created)
        for topic, post, created in posts
    ]
    store.scripts.run_guarded(commands)


def note_deleted(store: Store, namespace: str, ids: Sequence[tuple[str, int]], count: bool) -> None:
    """Remember deleted posts (id digest, day), and count each once if asked to."""
    key = schema.namespace_prefix(namespace) + "counts"
    store.scripts.run("deleted", [(key, _pack(ids), schema.DELETED_MS, int(count))])


def deleted_among(
    store: Store, namespace: str, days: Sequence[int], ids: Sequence[str]
) -> set[str]:
    """Which of these posts were deleted on one of the days."""
    prefix = schema.namespace_prefix(namespace) + "deleted:"
    answers = store.client.pipe([("SMISMEMBER", f"{prefix}{day}", *ids) for day in days])
    return {i for held in answers for i, there in zip(ids, held, strict=True) if there}


def _kept_key(namespace: str, partition: int, day: int) -> str:
    return f"{schema.namespace_prefix(namespace)}kept:{partition}:{day}"
