"""What was scored before, by content: reposts of a picture and its words cost nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Generic, TypeVar

from services.metrics import SCORE_CACHE

V = TypeVar("V")


def content_key(jpeg: bytes | None, tokens: bytes) -> bytes:
    """Names a pair by what the networks see: the picture's bytes and the token ids.

    `tokens` has one length always, so the two can't run into each other; 128 bits of
    BLAKE2b leave a stranger no way to make two contents share a score.
    """
    return blake2b(tokens + (jpeg or b""), digest_size=16).digest()


class Cache(Generic[V]):
    """The `size` entries used last. Thread-safe. 0 keeps nothing."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> V | None:
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
        SCORE_CACHE.labels("miss" if found is None else "hit").inc()
        return found

    def put(self, key: bytes, value: V) -> None:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)
