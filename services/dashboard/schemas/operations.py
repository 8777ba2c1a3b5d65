"""The pipeline itself."""

from __future__ import annotations

from typing import Any

from services.dashboard.schemas.base import Model
from services.dashboard.schemas.figures import GapItem, NamespaceItem


class SourceItem(Model):
    source: str
    connected: bool
    since_ms: int
    host: str
    cause: str
    last_event_ms: int
    lag_ms: int
    events: int
    reconnects: int
    lost_ms: int


class QualityItem(Model):
    """What to know before believing the figures: sums over all topics of a namespace, since it
    began. A post that belongs to two topics counts twice."""

    posts: int
    late: int
    """Counted, but after their time was taken for complete."""
    too_late: int
    """Refused: older than post ids are remembered."""
    duplicates: int
    deleted: int
    unseen_language: int
    without_picture: int
    """Scored by their words alone."""


class GapsPage(Model):
    namespace: str
    sources: list[SourceItem]
    gaps: list[GapItem]
    """Newest first."""
    quality: QualityItem


class Health(Model):
    """Whether what is shown can be trusted. 503 with this body where the store is away; 200
    otherwise, also where a hop is not well."""

    healthy: bool
    store: bool
    version: str
    processes: int
    """Whose word we have."""
    reasons: list[str]
    """What is wrong, a line each."""


class Operations(Model):
    """How the pipeline itself is."""

    now_ms: int
    version: str
    """Of this server."""
    healthy: bool
    processes: list[dict[str, Any]]
    """What each process said of itself within 15 s: `Process` of `services/store/vitals.py`."""
    sources: list[SourceItem]
    gaps: list[GapItem]
    namespaces: list[NamespaceItem]
    readers: int
    """Live connections to this server."""
