"""Where the pictures of a kept post are had."""

from __future__ import annotations

from typing import Protocol

from services.store.posts import KeptPost


class Pictures(Protocol):
    """Reads pictures. Thread-safe."""

    def get(self, post: KeptPost, namespace: str) -> list[bytes | None]:
        """Its pictures as normalised JPEGs, in the post's order; None for one that could not
        be had. Empty where there are none (any more), or the post was deleted.

        `Unavailable` where they lie on a server that is away.
        """

    def close(self) -> None: ...
