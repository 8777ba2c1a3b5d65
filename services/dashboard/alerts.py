"""Alerts as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from services.store.alerts import Alert

INNER: Final = ("calm_ms", "told", "quiet", "tell", "explanation")
"""What only the engine needs, and what lists leave out."""


def item(alert: Alert) -> dict[str, Any]:
    """As lists, series and events have it: `schemas.AlertItem` without its explanation."""
    fields = {name: getattr(alert, name) for name in alert.__struct_fields__ if name not in INNER}
    return {**fields, "explanation": None}


def full_item(alert: Alert, posts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """With its explanation; `posts` are those of it that are still kept."""
    told: dict[str, Any] = msgspec.to_builtins(alert.explanation)
    del told["top_posts"]
    return {**item(alert), "explanation": {**told, "posts_kept": posts}}


def was_open(alert: Alert, start_ms: int, stop_ms: int) -> bool:
    """Whether it was open at some time in [start_ms, stop_ms)."""
    resolved = alert.resolved_ms
    return alert.onset_ms < stop_ms and (resolved is None or resolved > start_ms)
