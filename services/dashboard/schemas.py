"""What `/api/v1` answers: the contract with the page, with Grafana, and with scripts.

Times are milliseconds since 1970 UTC, half-open [from, to); scores lie in [-1, 1], shares in
[0, 1]; a number that can't be had (the mean of no posts) is null. Fields are only ever added.

Post ids hold `:` and `/` (`bluesky:did:plc:…/3k…`): percent-encode them (`encodeURIComponent`)
where they stand in a path. Topic names never hold a `/`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class Problem(Model):
    """An error, after RFC 9457; served as `application/problem+json`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


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


class PhraseItem(Model):
    """Words that more posts say than before."""

    text: str
    now: float
    """The share of posts that say it, in this time; `before`: in the time before."""
    before: float
    ratio: float


class PostRefItem(Model):
    """A post as alerts and lists name it."""

    id: str
    created_at_ms: int
    score: float
    label: Literal["negative", "neutral", "positive"]


class PostItem(PostRefItem):
    """A post that weighs much. Its text is a stranger's: show it as text only."""

    topic: str
    text: str
    url: str
    author: str
    author_name: str
    lang: str
    kind: str
    original_id: str
    has_image: bool
    has_text: bool
    pictures: list[str]
    """Addresses of our own, of those pictures that we hold."""
    dmlanet: list[float] | None
    """Calibrated probabilities: negative, neutral, positive."""
    rnnca: list[float] | None
    picture_weight: float | None
    """How much the pictures weighed against the words, 0 to 1."""
    unseen_language: bool
    masked_reason: str


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


class PostsPage(Model):
    namespace: str
    topic: str
    from_ms: int = Field(alias="from")
    to_ms: int = Field(alias="to")
    posts: list[PostItem]
    """Farthest from neutral first."""


class PhrasesPage(Model):
    namespace: str
    topic: str
    from_ms: int = Field(alias="from")
    to_ms: int = Field(alias="to")
    sampled: int
    """Posts of this time that were looked at, out of all; `sampled_before`: of the time before."""
    sampled_before: int
    phrases: list[PhraseItem]


class Word(Model):
    """A word of the text with the attention of both networks, 0 to 1 of the greatest.

    `start` and `end` count code points of `text` (in JavaScript: `Array.from(text)`).
    """

    text: str
    start: int
    end: int
    dmlanet: float
    rnnca: float


class Regions(Model):
    """7 rows of 7 regions, 0 to 1 of the greatest, from the upper left of the centred square of
    the first picture (what lies outside of that square the networks did not see)."""

    dmlanet: list[list[float]]
    rnnca: list[list[float]]


class PostDetail(PostItem):
    namespace: str
    words: list[Word]
    regions: Regions | None
    dmlanet_label: str | None
    rnnca_label: str | None


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


class FiguresEvent(Model):
    """`event: figures` on `/events`: rows that changed. Where `more` is above 0, so many rows
    changed besides and are not sent: ask `/topics` for what is on the screen."""

    namespace: str
    window: str
    end_ms: int | None
    posts: int
    topics: list[TopicRow]
    more: int
    kind: str
    watermark_ms: int | None
    ended: bool


class AlertEvent(Model):
    """`event: alert`: an alert was opened, worsened or resolved."""

    namespace: str
    alert: AlertItem


class ResyncEvent(Model):
    """`event: resync`: events were missed (or this is the first): ask for everything anew."""

    namespace: str
    reason: str


class TroubleEvent(Model):
    """`event: trouble`: the store is away; a `resync` follows when it is back."""

    namespace: str
    reason: str
