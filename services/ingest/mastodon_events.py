"""What a live Mastodon server says: statuses, edits, deletes.

`formats.mastodon` reads them, from archives as from here. A delete names the id
that the status has on *this* server, while our ids hold for every server, so
each status that matched is noted under both. An edit takes back the words
that we keep: what was counted stays counted, once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from services.ingest.draft import Draft, Gone, Parsed
from services.ingest.formats import mastodon
from services.ingest.formats.json_text import JsonDecoder
from services.ingest.removals import Index

LATELY = 50_000
"""Statuses whose local id is held until it is known whether they matched."""


class _Message(msgspec.Struct, gc=False):
    id: str = ""
    event: str = ""
    payload: str = ""


_messages = JsonDecoder(_Message)
_payloads = JsonDecoder(_Message)


class Events:
    """Messages of one server. See `services.ingest.live_source.Reader`."""

    def __init__(self, host: str, index: Index | None = None) -> None:
        self._host, self._index = host, index
        self._local: OrderedDict[str, str] = OrderedDict()

    def prepare(self, messages: Sequence[bytes]) -> None:
        """Nothing is needed beforehand."""

    def keep(self, drafts: Sequence[Draft], gone: Sequence[str]) -> None:  # noqa: ARG002
        """Note what matched under the id that a delete would name."""
        entries = [(self._here(d), d.id) for d in drafts if self._here(d) not in ("", d.id)]
        if entries and self._index is not None:
            self._index.note(entries)

    def _here(self, draft: Draft) -> str:
        local = self._local.get(draft.id, "")
        return f"mastodon:{self._host}/{local}" if local else ""

    def parse(self, message: bytes) -> list[Parsed]:
        """Statuses and removals; raises `BadRecord` like every format."""
        head = _messages.decode(message)
        found = mastodon.parse(message, self._host)
        drafts = [item for item in found if isinstance(item, Draft)]
        if head.event == "status.update":
            return [Gone(draft.id) for draft in drafts]
        for draft in drafts:
            local = _payloads.decode(head.payload.encode()).id if head.event else head.id
            self._local[draft.id] = local
            if len(self._local) > LATELY:
                self._local.popitem(last=False)
        return found
