"""What live sources keep in the store: their status, and whose posts went by.

    ut:{live}:sources              hash    source -> status as JSON (`source_status.py`)
    ut:{live}:account:<account>    set     posts of the account that matched, 3 days
    ut:{live}:spend                hash    "x:2026-11" -> posts read in that month
    ut:{live}:original:<id>        string  a post that matched, for its reposts, a day

The accounts answer the platform's word that a post or an account is gone
(services.ingest.removals). They are kept as long as any words of a post are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from services.store import schema
from services.store.client import Client

ORIGINAL_MS = schema.DAY_MS
"""A post is reposted mostly within hours. About 700 bytes each."""


def publish_status(client: Client, namespace: str, source: str, status: bytes) -> None:
    """Replace what the source last said of itself."""
    client.call("HSET", schema.namespace_prefix(namespace) + "sources", source, status)


def statuses(client: Client, namespace: str) -> dict[str, bytes]:
    """Per source, what it last said of itself (JSON)."""
    held = client.call("HGETALL", schema.namespace_prefix(namespace) + "sources")
    return {name.decode(): value for name, value in held.items()}


def spend(client: Client, namespace: str, source: str, month: str, posts: int) -> int:
    """Count posts that were paid for; the month's sum, over all restarts and workers."""
    key = schema.namespace_prefix(namespace) + "spend"
    return int(client.call("HINCRBY", key, f"{source}:{month}", posts))


class Accounts:
    """Whose posts went by, in one namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._prefix = schema.namespace_prefix(namespace) + "account:"

    def note(self, entries: Iterable[tuple[str, str]]) -> None:
        """Remember (account, entry); noting again prolongs the memory."""
        commands: list[tuple[object, ...]] = []
        for account, entry in entries:
            key = self._prefix + account
            commands += [("SADD", key, entry), ("PEXPIRE", key, schema.KEPT_MS)]
        self._client.pipe(commands)

    def entries(self, account: str) -> list[str]:
        """What was noted under the account lately, in a fixed order."""
        held = self._client.call("SMEMBERS", self._prefix + account)
        return sorted(entry.decode() for entry in held)

    def all(self) -> Iterator[str]:
        """Every account of which anything was noted lately; some may come twice."""
        for key in self._client.scan(self._prefix + "*"):
            yield key.decode().removeprefix(self._prefix)


class Originals:
    """Posts that matched, for the reposts to come, in one namespace."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._prefix = schema.namespace_prefix(namespace) + "original:"

    def recall(self, ids: Sequence[str]) -> list[bytes | None]:
        if not ids:
            return []
        found: list[bytes | None] = self._client.call("MGET", *(self._prefix + i for i in ids))
        return found

    def remember(self, drafts: Sequence[tuple[str, bytes]]) -> None:
        self._client.pipe([("SET", self._prefix + i, d, "PX", ORIGINAL_MS) for i, d in drafts])

    def forget(self, ids: Sequence[str]) -> None:
        self._client.pipe([("UNLINK", self._prefix + i) for i in ids])
