"""Namespaces, topics, series."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.dashboard.schemas.alerts import AlertItem
from services.dashboard.schemas.base import Model


class NamespaceItem(Model):
    """Live figures, or those of one replay."""

    name: str
    kind: Literal["live", "replay"]
    created_ms: int
    topics: int
    watermark_ms: int | None
    ended: bool
    """Nothing more comes: a replay is through."""
    newest_ms: int | None
    """The newest post."""


class Figures(Model):
    """One rolling window of a topic, the very figures of `undertone rolling --json`."""

    start_ms: int
    end_ms: int
    count: int
    negative: int
    neutral: int
    positive: int
    negative_share: float | None
    neutral_share: float | None
    positive_share: float | None
    mean_score: float | None
    standard_error: float | None
    sum: int
    """Of scores, in 1/10,000; `squares` likewise."""
    squares: int
    late: int
    reposts: int
    repost_share: float | None
    images: int
    authors: int


class Before(Model):
    """The window of the same length that ends where this one starts."""

    count: int
    negative_share: float | None
    mean_score: float | None
    standard_error: float | None


class Spark(Model):
    """A small series, one entry per step: 10 s for the windows 1m and 5m, a minute for 15m and
    1h, an hour for 24h. The last step holds the window's end."""

    start_ms: int
    step_ms: int
    count: list[int]
    negative: list[int]
    mean_score: list[float | None]


class AlertBadge(Model):
    id: str
    state: str
    severity: str


class TopicRow(Model):
    """A topic in the overview."""

    topic: str
    last_post_ms: int | None
    share_of_voice: float | None
    """Its posts among those of all topics of the namespace, in this window."""
    alert: AlertBadge | None
    """The gravest alert that is open."""
    change: float | None
    """Of the mean score, against the window before."""
    change_error: float | None
    """The standard error of `change`."""
    window: Figures
    before: Before
    spark: Spark


class TopicsPage(Model):
    """One page of the overview."""

    namespace: str
    kind: str
    window: str
    end_ms: int | None
    """Where the newest of the windows ends."""
    watermark_ms: int | None
    ended: bool
    total: int
    """Topics that match `q`; `topics` holds `limit` of them from `offset`."""
    posts: int
    """In this window, of all topics of the namespace."""
    topics: list[TopicRow]


class TotalFigures(Model):
    """Everything counted of a topic since its namespace began."""

    count: int
    negative: int
    neutral: int
    positive: int
    mean_score: float | None
    standard_error: float | None
    late: int
    reposts: int
    images: int
    authors: int
    duplicates: int
    too_late: int
    deleted: int
    unseen_language: int
    first_post_ms: int | None
    last_post_ms: int | None


class TopicDetail(Model):
    namespace: str
    kind: str
    topic: str
    watermark_ms: int | None
    ended: bool
    windows: dict[str, Figures]
    """By name: 1m, 5m, 15m, 1h, 24h."""
    totals: TotalFigures
    alert: AlertBadge | None


class Points(Model):
    """Columns of equal length; entry i is the pane [t[i], t[i] + resolution_ms)."""

    t: list[int]
    negative: list[int]
    neutral: list[int]
    positive: list[int]
    mean_score: list[float | None]
    standard_error: list[float | None]
    reposts: list[int]
    images: list[int]


class GapItem(Model):
    """A time in which a source delivered nothing, because we were not connected."""

    from_ms: int = Field(alias="from")
    to_ms: int = Field(alias="to")
    source: str
    cause: str
    filled: bool
    """The platform played it back later."""


class Series(Model):
    namespace: str
    topic: str
    resolution: Literal["10s", "1m", "5m", "1h", "1d"]
    resolution_ms: int
    from_ms: int = Field(alias="from")
    to_ms: int = Field(alias="to")
    """[from, to) as asked for, on whole panes."""
    complete_to_ms: int | None
    """The watermark: panes that end after it may still grow."""
    points: Points
    gaps: list[GapItem]
    alerts: list[AlertItem]
    authors: int | None
    """Distinct authors in [from, to), to about 1 %; null where that is no longer known."""
