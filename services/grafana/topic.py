"""The dashboard of one topic: how it felt over time, and why."""

from __future__ import annotations

from typing import Final

from services.grafana.annotate import TAG
from services.grafana.overview import COLOURED, FELT, SCORE, SHARE, TOPIC_UID, alerts, raised
from services.grafana.panels import (
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    Json,
    Panel,
    Row,
    dashboard,
    graph,
    linked,
    paint,
    stat,
    table,
    words,
)
from services.grafana.queries import (
    BASE,
    NAMESPACE,
    NAMESPACES,
    NUMBER,
    SPAN,
    TEXT,
    TIME,
    TOPIC,
    WINDOW,
    choice,
    infinity,
    marks_of,
    series,
)

TOPICS: Final = choice(
    "topic", "Topic", f"{BASE}/topics?{NAMESPACE}&sort=name&limit=500", "topic", root="topics"
)
OF_TOPIC: Final = "&topic=${topic:percentencode}"
LABEL: Final = words(
    {
        "negative": ("negative", NEGATIVE),
        "neutral": ("neutral", NEUTRAL),
        "positive": ("positive", POSITIVE),
    }
)


def topic() -> Json:
    return dashboard(
        TOPIC_UID,
        "Undertone: topic",
        [
            Row("Now", _figures()),
            Row("Over time", [_counts(), _score(), _uncertainty(), _volume()]),
            Row("Why", [_posts(), _phrases()]),
            Row("Alerts", [alerts("Its alerts", of=OF_TOPIC)]),
        ],
        description="One topic: its rolling window, its panes over the time shown, what was said.",
        variables=[NAMESPACES, TOPICS, WINDOW],
        annotations=[
            *raised(OF_TOPIC, [TAG, "namespace:$namespace", "topic:$topic"]),
            marks_of(_gaps(), "Source gaps", "purple"),
        ],
    )


def _figures() -> list[Panel]:
    def figure(name: str, title: str, **shown: object) -> Panel:
        query = infinity(f"{TOPIC}?{NAMESPACE}", [(f"windows.${{window}}.{name}", title, NUMBER)])
        return stat(title, query, **shown)

    return [
        figure("mean_score", "Score", decimals=2, min=-1, max=1, thresholds=FELT),
        figure("standard_error", "± standard error", decimals=3),
        figure("count", "Posts", unit="short"),
        figure("negative_share", "Negative", unit="percentunit", decimals=0),
        figure("authors", "Authors", unit="short"),
        figure("repost_share", "Reposts", unit="percentunit", decimals=0),
    ]


def _counts() -> Panel:
    return graph(
        "Posts by sentiment",
        series([("negative", "Negative"), ("neutral", "Neutral"), ("positive", "Positive")]),
        bars=True,
        unit="short",
        min=0,
        fields=[
            ("Negative", paint(NEGATIVE)),
            ("Neutral", paint(NEUTRAL)),
            ("Positive", paint(POSITIVE)),
        ],
    )


def _score() -> Panel:
    return graph(
        "Score",
        series([("mean_score", "Score")]),
        decimals=2,
        min=-1,
        max=1,
        description="Mean of P(positive) − P(negative) in each pane; nothing where no post was.",
        fields=[("Score", {"color": {"mode": "fixed", "fixedColor": "text"}})],
    )


def _uncertainty() -> Panel:
    return graph(
        "Standard error of the score",
        series([("standard_error", "± standard error")]),
        decimals=3,
        min=0,
        description="Two scores closer than about twice this tell of no change.",
    )


def _volume() -> Panel:
    return graph(
        "Reposts and pictures",
        series([("reposts", "Reposts"), ("images", "With a picture")]),
        unit="short",
        min=0,
    )


def _posts() -> Panel:
    columns = [
        ("created_at_ms", "Time", TIME),
        ("label", "Label", TEXT),
        ("score", "Score", NUMBER),
        ("text", "Text", TEXT),
        ("author_name", "Author", TEXT),
        ("picture_weight", "Weight of the picture", NUMBER),
        ("url", "Original", TEXT),
    ]
    return table(
        "Posts that weigh most",
        infinity(f"{TOPIC}/posts?{NAMESPACE}&{SPAN}&limit=25", columns, root="posts"),
        width=16,
        height=12,
        fields=[
            ("Time", {"custom.width": 160}),
            ("Label", {"mappings": LABEL, "custom.cellOptions": COLOURED, "custom.width": 90}),
            ("Score", {**SCORE, "custom.width": 80}),
            ("Weight of the picture", {**SHARE, "custom.width": 110}),
            ("Original", {**linked("Open", "${__value.raw}", elsewhere=True), "custom.width": 120}),
        ],
    )


def _phrases() -> Panel:
    columns = [
        ("text", "Words", TEXT),
        ("now", "Now", NUMBER),
        ("before", "Before", NUMBER),
        ("ratio", "Times as often", NUMBER),
    ]
    return table(
        "Words that rose",
        infinity(f"{TOPIC}/phrases?{NAMESPACE}&{SPAN}", columns, root="phrases"),
        width=8,
        height=12,
        description="Of a sample of the posts, against the time before of the same length.",
        fields=[("Times as often", {"decimals": 1})],
    )


def _gaps() -> Json:
    columns = [
        ("from", "time", TIME),
        ("to", "timeEnd", TIME),
        ("source", "title", TEXT),
        ("cause", "text", TEXT),
    ]
    return infinity(f"{BASE}/gaps?{NAMESPACE}", columns, root="gaps", ref="Anno")
