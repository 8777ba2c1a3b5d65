"""What every source checks of a post before it goes on, while its original bytes are at hand.

Times that can't be true, and sizes that no platform has: what one stranger wrote
is kept, shown and sent once for each topic, so it is bounded here.
"""

from __future__ import annotations

import msgspec

from services.errors import BadRecord
from services.ingest import times
from services.ingest.draft import Draft, Gone

MAX_TEXT = 65_536
"""Characters, what its pictures show included; X's longest posts have 25,000, Facebook's 63,206."""
MAX_NAMES = 8_192
"""Characters of ids, names and addresses together."""


def checked_post(draft: Draft, now_ms: int) -> Draft:
    """The post, arrived at `now_ms` at the latest: the recorder's clock says no more of the future
    than its posts' clocks do. `BadRecord` says why it can't be one."""
    arrived_at_ms = min(draft.arrived_at_ms or now_ms, now_ms)
    times.checked(draft.created_at_ms, arrived_at_ms)
    words = len(draft.text)
    names = draft.id + draft.author + draft.author_name + draft.lang + draft.url + draft.original_id
    for media in draft.media:
        words += len(media.alt)
        names += media.key
    if words > MAX_TEXT:
        raise BadRecord("text_too_long", f"{words} characters, {MAX_TEXT} at most")
    _check_names(names)
    if draft.arrived_at_ms > now_ms:
        return msgspec.structs.replace(draft, arrived_at_ms=now_ms)
    return draft


def checked_gone(gone: Gone, now_ms: int) -> Gone:
    """A deletion counts whenever it says it was: a time that can't be true is taken as not said."""
    _check_names(gone.id)
    if gone.at_ms is None or times.EARLIEST_MS <= gone.at_ms <= now_ms + times.AHEAD_MS:
        return gone
    return Gone(gone.id)


def _check_names(names: str) -> None:
    if len(names) > MAX_NAMES:
        raise BadRecord("names_too_long", f"{len(names)} characters of ids, names and addresses")
