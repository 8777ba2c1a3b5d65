"""The dashboard of all topics: how each feels now, and against the window before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.grafana.annotate import TAG
from services.grafana.panels import (
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    Json,
    Panel,
    Row,
    bars,
    dashboard,
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
    WINDOW,
    infinity,
    marks,
    marks_of,
)

UID: Final = "undertone-overview"
MOST: Final = 100
"""Topics in the table: those with the most posts."""
_TOPICS: Final = f"{BASE}/topics?{NAMESPACE}&window=${{window}}"
TOPIC_UID: Final = "undertone-topic"
_TO_TOPIC: Final = (
    f"/d/{TOPIC_UID}?var-namespace=${{namespace:percentencode}}"
    "&var-topic=${__value.raw:percentencode}&${__url_time_range}"
)
SEVERITY: Final = words(
    {"info": ("info", "blue"), "warning": ("warning", "orange"), "critical": ("critical", "red")}
)
STATE: Final = words(
    {"open": ("open", "orange"), "worse": ("worse", "red"), "resolved": ("resolved", "green")}
)


FELT: Final[Json] = {
    "mode": "absolute",
    "steps": [
        {"color": NEGATIVE, "value": None},
        {"color": NEUTRAL, "value": -0.1},
        {"color": POSITIVE, "value": 0.1},
    ],
}
"""Colours of scores and of their changes."""
COLOURED: Final[Json] = {"type": "color-text"}
SHARE: Final[Json] = {"unit": "percentunit", "decimals": 0}
SCORE: Final[Json] = {"unit": "none", "decimals": 2}


def overview() -> Json:
    return dashboard(
        UID,
        "Undertone: overview",
        [
            Row("Now", [*_figures(), _topics(), _voices(), _angriest()]),
            Row("Alerts", [alerts("Alerts of the time shown", ("topic", "Topic", TEXT))]),
        ],
        description="How each topic feels, over the window chosen above.",
        variables=[NAMESPACES, WINDOW],
        annotations=raised("", [TAG, "namespace:$namespace"]),
    )


def _figures() -> list[Panel]:
    whole = f"{_TOPICS}&limit=1"
    return [
        stat("Posts", infinity(whole, [("posts", "Posts", NUMBER)]), unit="short", width=6),
        stat("Topics", infinity(whole, [("total", "Topics", NUMBER)]), unit="short", width=6),
        stat(
            "Complete up to",
            infinity(whole, [("watermark_ms", "Complete up to", NUMBER)]),
            unit="dateTimeFromNow",
            width=6,
            description="The watermark: nothing that is still awaited lies before it.",
        ),
        stat(
            "The window ends",
            infinity(whole, [("end_ms", "End", NUMBER)]),
            unit="dateTimeFromNow",
            width=6,
            description="Live, now; in a replay, at its newest post.",
        ),
    ]


def _topics() -> Panel:
    columns = [
        ("topic", "Topic", TEXT),
        ("window.mean_score", "Score", NUMBER),
        ("window.standard_error", "± standard error", NUMBER),
        ("change", "Change", NUMBER),
        ("window.count", "Posts", NUMBER),
        ("window.negative_share", "Negative", NUMBER),
        ("share_of_voice", "Share of voice", NUMBER),
        ("window.authors", "Authors", NUMBER),
        ("alert.severity", "Alert", TEXT),
    ]
    felt = {**SCORE, "thresholds": FELT, "custom.cellOptions": COLOURED}
    return table(
        "Topics",
        infinity(f"{_TOPICS}&sort=count&limit={MOST}", columns, root="topics"),
        sort="Posts",
        width=24,
        height=12,
        description="Score: mean of P(positive) − P(negative), from -1 to 1. Change: against the "
        "window before. A topic's name leads to it.",
        fields=[
            ("Topic", linked("Open ${__value.raw}", _TO_TOPIC)),
            ("Score", felt),
            ("± standard error", SCORE),
            ("Change", felt),
            ("Negative", SHARE),
            ("Share of voice", SHARE),
            ("Alert", {"mappings": SEVERITY, "custom.cellOptions": COLOURED}),
        ],
    )


def _voices() -> Panel:
    columns = [("topic", "Topic", TEXT), ("share_of_voice", "Share", NUMBER)]
    return bars(
        "Share of voice",
        infinity(f"{_TOPICS}&sort=count&limit=15", columns, root="topics"),
        unit="percentunit",
        label="Topic",
        value="Share",
        height=10,
        defaults=paint(POSITIVE),
    )


def _angriest() -> Panel:
    columns = [("topic", "Topic", TEXT), ("window.negative_share", "Negative", NUMBER)]
    return bars(
        "Most negative",
        infinity(f"{_TOPICS}&sort=negative&limit=15", columns, root="topics"),
        unit="percentunit",
        label="Topic",
        value="Negative",
        height=10,
        description="Share of negative posts in the window. Few posts make it jump.",
        defaults={**paint(NEGATIVE), "max": 1},
    )


def raised(of: str, tags: Sequence[str]) -> list[Json]:
    """Alerts over every graph: as the API has them, always; and, where a token lets the alert hop
    mark them in Grafana itself, those marks, whose text says more."""
    columns = [
        ("onset_ms", "time", TIME),
        ("resolved_ms", "timeEnd", TIME),
        ("topic", "title", TEXT),
        ("rule", "text", TEXT),
        ("severity", "tags", TEXT),
    ]
    url = f"{BASE}/alerts?{NAMESPACE}{of}&{SPAN}&limit=100"
    return [
        marks_of(infinity(url, columns, root="alerts", ref="Anno"), "Alerts", "red"),
        marks(tags, "Alerts, as marked here", "red"),
    ]


def alerts(title: str, *first: tuple[str, str, str], of: str = "") -> Panel:
    """Alerts that touch the time shown, newest first."""
    columns = [
        ("onset_ms", "Since", TIME),
        *first,
        ("rule", "Rule", TEXT),
        ("severity", "Severity", TEXT),
        ("state", "State", TEXT),
        ("observed", "Observed", NUMBER),
        ("expected", "Expected", NUMBER),
        ("posts", "Posts", NUMBER),
        ("resolved_ms", "Until", TIME),
    ]
    return table(
        title,
        infinity(f"{BASE}/alerts?{NAMESPACE}{of}&{SPAN}&limit=100", columns, root="alerts"),
        sort="Since",
        width=24,
        fields=[
            ("Severity", {"mappings": SEVERITY, "custom.cellOptions": COLOURED}),
            ("State", {"mappings": STATE, "custom.cellOptions": COLOURED}),
            ("Observed", {"decimals": 2}),
            ("Expected", {"decimals": 2}),
        ],
    )
