"""Which of the posts that we passed on a removal is about.

A platform tells of every removal anywhere; few are of posts that matched a topic.
So each post that goes on is noted in the store under its author's account first,
and a repost under the original's author as well, since it carries the same words. A
removed post takes its reposts along, a removed account everything of it.
What was never passed on needs no word to anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from services.ingest.draft import Gone
from services.records import REPOST, Post

AccountOf = Callable[[str], str]
"""The account that a post id, or an account's own id, belongs to."""


class Index(Protocol):
    """Remembers for as long as any words of a post are kept."""

    def note(self, entries: Iterable[tuple[str, str]]) -> None:
        """Under an account, an entry. May raise `Unavailable`; noting twice is fine."""

    def entries(self, account: str) -> Sequence[str]: ...


class Removals:
    """Expands what a platform says is gone into the posts that this concerns."""

    def __init__(self, index: Index, account_of: AccountOf) -> None:
        self._index, self._account_of = index, account_of

    def note(self, posts: Iterable[Post]) -> None:
        """Before these go on, so that no removal can miss one."""
        entries = []
        for post in posts:
            entries.append((self._account_of(post.id), post.id))
            if post.kind == REPOST and post.original_id:
                entry = f"{post.original_id} {post.id}"
                entries.append((self._account_of(post.original_id), entry))
        if entries:
            self._index.note(entries)

    def ids(self, gone: Gone) -> list[str]:
        """Ids of the posts whose words must go."""
        account = self._account_of(gone.id)
        whole = account == gone.id
        entries = self._index.entries(account)
        named = [entry.partition(" ") for entry in entries]
        return [repost or post for post, _, repost in named if whole or gone.id in (post, repost)]
