"""Alerts."""

from __future__ import annotations

from services.dashboard.schemas.base import Model
from services.dashboard.schemas.posts import PhraseItem, PostItem


class ExplanationItem(Model):
    """Why an alert was raised, in posts and words."""

    authors: int
    posts: int
    top_author_share: float
    """Of the posts, those of the author who wrote most."""
    repost_share: float
    cascade: str
    """One author, or reposts of few posts: that in a line; else empty."""
    phrases: list[PhraseItem]
    posts_kept: list[PostItem]
    """Posts that weigh most; one that was deleted since, or is older than words are kept, is
    missing here."""
    link: str
    until_ms: int
    """Looked at from the onset to here: anew when it worsens or has lasted twice as long."""


class AlertItem(Model):
    id: str
    namespace: str
    topic: str
    rule: str
    kind: str
    severity: str
    state: str
    onset_ms: int
    opened_ms: int
    changed_ms: int
    resolved_ms: int | None
    observed: float
    expected: float
    low: float
    high: float
    """90 % of what was expected lies in [low, high]."""
    per_week: float | None
    """How many times a week a calm topic shows this or more; null for a plain threshold."""
    posts: int
    negative: int
    peak_observed: float
    peak_ms: int
    sequence: int
    """How often it changed."""
    explanation: ExplanationItem | None
    """In `/alerts/{id}` alone; null in lists."""


class AlertsPage(Model):
    namespace: str
    alerts: list[AlertItem]
    """Newest first."""
