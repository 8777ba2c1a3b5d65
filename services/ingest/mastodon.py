"""One Mastodon server live. Asks for an access token, which the server gives to any account."""

from __future__ import annotations

from pydantic import SecretStr

from services.ingest.gaps import Watch
from services.ingest.live_source import LiveSource, Wiring, place
from services.ingest.mastodon_events import Events
from services.ingest.mastodon_socket import MastodonSocket, Tuning
from services.ingest.removals import Index

NAME = "mastodon"


def mastodon(
    wiring: Wiring,
    server: str,
    token: SecretStr,
    cursor: bytes | None = None,
    *,
    index: Index | None = None,
    stream: str = "public",
    tuning: Tuning | None = None,
) -> LiveSource:
    """The public timeline of `server` (https://…), from the saved cursor or from now on."""
    position = place(cursor).position
    watch = Watch(NAME, wiring.now_ms)
    socket = MastodonSocket(
        watch,
        server,
        token.get_secret_value(),
        stream=stream,
        cursor=str(position or ""),
        tuning=tuning,
    )
    return LiveSource(NAME, socket, Events(socket.host, index), watch, wiring, cursor)
