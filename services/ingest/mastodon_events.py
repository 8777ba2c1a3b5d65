"""What a live Mastodon server says: statuses, edits, deletes.

`formats.mastodon` reads them, from archives as from here. A delete names the id
that the status has on *this* server, while our ids hold for every server, so
the two are kept side by side for the statuses seen lately. An edit takes
back the words that we keep: what was counted stays counted, once.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from services.ingest.draft import Draft, Gone, Parsed
from services.ingest.formats import mastodon
from services.ingest.formats.json_text import JsonDecoder

KNOWN = 200_000
"""About 40 MB."""


class _Message(msgspec.Struct, gc=False):
    id: str = ""
    event: str = ""
    payload: str = ""


_messages = JsonDecoder(_Message)
_payloads = JsonDecoder(_Message)


class Events:
    """Messages of one server in, what they say out."""

    def __init__(self, host: str, known: int = KNOWN) -> None:
        self._host, self._most = host, known
        self._ids: OrderedDict[str, str] = OrderedDict()

    def parse(self, message: bytes) -> list[Parsed]:
        """Statuses and removals; raises `BadRecord` like every format."""
        head = _messages.decode(message)
        if head.event == "delete":
            return [Gone(self._ids.pop(head.payload, f"mastodon:{self._host}/{head.payload}"))]
        found = mastodon.parse(message, self._host)
        drafts = [item for item in found if isinstance(item, Draft)]
        if head.event == "status.update":
            return [Gone(draft.id) for draft in drafts]
        for draft in drafts:
            self._remember(head, draft.id)
        return found

    def _remember(self, head: _Message, ours: str) -> None:
        local = _payloads.decode(head.payload.encode()).id if head.event else head.id
        if local:
            self._ids[local] = ours
            if len(self._ids) > self._most:
                self._ids.popitem(last=False)
