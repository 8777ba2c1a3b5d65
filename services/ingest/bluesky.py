"""Bluesky live: `undertone run --source bluesky` needs no account and no key.

Jetstream's connection is in `jetstream_socket.py`, what its messages say in
`bluesky_events.py`; here the two become a source.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.ingest.bluesky_events import Events, Memory
from services.ingest.gaps import Watch
from services.ingest.jetstream_socket import PUBLIC_HOSTS, JetstreamSocket, Tuning
from services.ingest.live_source import LiveSource, Wiring, place

NAME = "bluesky"


def account_of(ident: str) -> str:
    """`bluesky:did:plc:abc/3k…` -> `bluesky:did:plc:abc`, which is its own account."""
    return ident.partition("/")[0]


def bluesky(
    wiring: Wiring,
    cursor: bytes | None = None,
    *,
    memory: Memory | None = None,
    hosts: Sequence[str] = PUBLIC_HOSTS,
    tuning: Tuning | None = None,
) -> LiveSource:
    """All of Bluesky, from the saved cursor or from now on."""
    start = place(cursor)
    watch = Watch(NAME, wiring.now_ms)
    socket = JetstreamSocket(
        watch, cursor_us=start.position, cursor_host=start.host, hosts=hosts, tuning=tuning
    )
    return LiveSource(NAME, socket, Events(memory), watch, wiring, cursor)
