"""Both places where pictures are read: the stream of posts on Kafka, and the shelf."""

from __future__ import annotations

from collections.abc import Callable

from services.errors import BadRecord
from services.pictures.shelf import Shelf
from services.records import Post, decode
from services.store import words
from services.store.posts import KeptPost
from services.store.schema import DAY_MS, DELETED_MS, digest
from services.store.store import Store
from services.stream.port import Streams


class ShelvedPictures:
    """`services.pictures.port.Pictures` from the shelf that an embedded run fills."""

    def __init__(self, shelf: Shelf) -> None:
        """Closes `shelf` when closed."""
        self._shelf = shelf

    def get(self, post: KeptPost, namespace: str) -> list[bytes | None]:
        return self._shelf.get(namespace, post.id)

    def close(self) -> None:
        self._shelf.close()


class StreamedPictures:
    """`services.pictures.port.Pictures` from the stream of posts, by lineage.

    The stream keeps a deleted post until its retention is over, so the store is
    asked about deletions with each look.
    """

    def __init__(
        self, streams: Streams, stream: str, is_deleted: Callable[[str, KeptPost], bool]
    ) -> None:
        """`is_deleted` of (namespace, post). Closes nothing of what it is given."""
        self._streams, self._stream, self._is_deleted = streams, stream, is_deleted

    def get(self, post: KeptPost, namespace: str) -> list[bytes | None]:
        if post.offset < 0 or self._is_deleted(namespace, post):
            return []
        place = post.partition, post.offset, post.offset + 1
        for record in self._streams.read(self._stream, *place):
            try:
                found = decode(record.value)
            except BadRecord:
                continue
            # The stream may have been made anew since: another post lies there then.
            if isinstance(found, Post) and (found.namespace, found.id) == (namespace, post.id):
                return [picture.jpeg for picture in found.pictures]
        return []

    def close(self) -> None:
        """Nothing of its own."""


def deleted_in(store: Store) -> Callable[[str, KeptPost], bool]:
    """Asks the store whether a post was deleted since it was written."""

    def is_deleted(namespace: str, post: KeptPost) -> bool:
        day = post.created_at_ms // DAY_MS
        days = range(day, day + DELETED_MS // DAY_MS + 1)
        return bool(words.deleted_among(store, namespace, days, [digest(post.id)]))

    return is_deleted
