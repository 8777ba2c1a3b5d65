"""What live sources keep in the store: their status, and whose posts went by.

    ut:{live}:sources              hash    source -> status as JSON (services.ingest.gaps)
    ut:{live}:account:<account>    set     ids of the account's posts that matched, 3 days

The second answers the platform's word that an account is gone: its posts are then
forgotten one by one. It is kept as long as any words of a post are.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.store import schema
from services.store.client import Client


def publish_status(client: Client, namespace: str, source: str, status: bytes) -> None:
    """Replace what the source last said of itself."""
    client.call("HSET", schema.namespace_prefix(namespace) + "sources", source, status)


def statuses(client: Client, namespace: str) -> dict[str, bytes]:
    """Per source, what it last said of itself (JSON)."""
    held = client.call("HGETALL", schema.namespace_prefix(namespace) + "sources")
    return {name.decode(): value for name, value in held.items()}


def note_posts(client: Client, namespace: str, posts: Iterable[tuple[str, str]]) -> None:
    """Remember (account, post id) before the post goes on, so that no removal misses one."""
    commands: list[tuple[object, ...]] = []
    for account, post in posts:
        key = _account_key(namespace, account)
        commands += [("SADD", key, post), ("PEXPIRE", key, schema.KEPT_MS)]
    if commands:
        client.pipe(commands)


def posts_of(client: Client, namespace: str, account: str) -> list[str]:
    """Ids of the account's posts that matched lately, in a fixed order."""
    return sorted(m.decode() for m in client.call("SMEMBERS", _account_key(namespace, account)))


def _account_key(namespace: str, account: str) -> str:
    return f"{schema.namespace_prefix(namespace)}account:{account}"
