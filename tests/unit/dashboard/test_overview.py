"""Searching, sorting and paging of the overview; its table."""

from __future__ import annotations

import json

import pytest

from services.dashboard import overview
from services.dashboard.backend import State
from services.dashboard.badges import Badge
from services.dashboard.overview import Wish
from services.dashboard.rows import Row, make_row
from services.dashboard.views import REMEMBERED, Snapshot
from services.store.glance import Glance
from services.store.reader import Namespace, Watermark


def row(topic: str, count: int, mean: float | None = None, before: float | None = None) -> Row:
    figures = {
        "start_ms": 0, "end_ms": 10_000, "count": count, "negative": count // 2, "neutral": 0,
        "positive": count - count // 2, "negative_share": 0.5 if count else None,
        "neutral_share": 0.0, "positive_share": 0.5, "mean_score": mean, "standard_error": 0.03,
        "sum": 0, "squares": 0, "late": 0, "reposts": 0, "repost_share": 0.0, "images": count,
        "authors": count,
    }  # fmt: skip
    earlier = {"count": 1, "negative_share": 0.5, "mean_score": before, "standard_error": 0.04}
    series = {"start_ms": 0, "step_ms": 10_000, "count": [count], "negative": [0], "mean_score": []}
    parts = (json.dumps(part).encode() for part in (figures, earlier, series))
    return make_row(topic, 5_000, Glance(10_000, *parts))


def snapshot(*rows: Row, badges: dict[str, Badge] | None = None) -> Snapshot:
    ordered = sorted(rows, key=lambda r: r.folded)
    return Snapshot(
        version=1,
        state=State(Namespace("n", "replay", 0), Watermark(9_000), 5_000, len(rows)),
        window="5m",
        rows={r.topic: r for r in ordered},
        badges=badges or {},
        changed=(),
        alerts=(),
        posts=sum(r.count for r in rows),
        end_ms=10_000,
    )


def topics(of: Snapshot, **wish: object) -> list[str]:
    found = json.loads(overview.page(of, Wish(**wish)).raw)  # type: ignore[arg-type]
    return [topic["topic"] for topic in found["topics"]]


ROWS = (row("Zoë", 3, 0.5, 0.1), row("acme", 7, -0.2, 0.3), row("Bolt", 0), row("café", 7, 0.1))


def test_orders() -> None:
    of = snapshot(*ROWS)
    assert topics(of) == ["acme", "café", "Zoë", "Bolt"]
    assert topics(of, order="asc") == ["Bolt", "Zoë", "acme", "café"]
    assert topics(of, sort="name") == ["acme", "Bolt", "café", "Zoë"]
    assert topics(of, sort="name", order="desc") == ["Zoë", "café", "Bolt", "acme"]
    assert topics(of, sort="score") == ["Zoë", "café", "acme", "Bolt"]
    assert topics(of, sort="score", order="asc") == ["acme", "café", "Zoë", "Bolt"]
    assert topics(of, sort="change", order="asc") == ["acme", "Zoë", "Bolt", "café"]


def test_the_gravest_alert_first() -> None:
    badges = {"Bolt": Badge("1", "open", "critical"), "Zoë": Badge("2", "worse", "info")}
    of = snapshot(*ROWS, badges=badges)
    assert topics(of, sort="alert") == ["Bolt", "Zoë", "acme", "café"]
    found = json.loads(overview.page(of, Wish(sort="alert")).raw)["topics"]
    assert found[0]["alert"] == {"id": "1", "state": "open", "severity": "critical"}
    assert found[2]["alert"] is None


def test_search_knows_neither_case_nor_accents() -> None:
    of = snapshot(*ROWS)
    assert topics(of, q="CAFE") == ["café"]
    assert topics(of, q=" zoe ") == ["Zoë"]
    assert topics(of, q="o") == ["Zoë", "Bolt"]
    assert topics(of, q="nobody") == []


def test_pages_and_what_is_said_of_all() -> None:
    of = snapshot(*ROWS)
    found = json.loads(overview.page(of, Wish(offset=1, limit=2)).raw)
    assert [t["topic"] for t in found["topics"]] == ["café", "Zoë"]
    assert (found["total"], found["posts"], found["end_ms"]) == (4, 17, 10_000)
    assert found["topics"][0]["share_of_voice"] == pytest.approx(7 / 17, abs=1e-6)
    assert topics(of, offset=100) == []


def test_the_change_and_its_error() -> None:
    (found,) = json.loads(overview.page(snapshot(ROWS[0]), Wish()).raw)["topics"]
    assert found["change"] == pytest.approx(0.4)
    assert found["change_error"] == pytest.approx(0.05)
    (found,) = json.loads(overview.page(snapshot(ROWS[3]), Wish()).raw)["topics"]
    assert found["change"] is found["change_error"] is None


def test_the_same_wish_is_answered_with_the_same_bytes() -> None:
    of = snapshot(*ROWS)
    assert overview.page(of, Wish()) is overview.page(of, Wish())
    for number in range(3 * REMEMBERED):
        overview.page(of, Wish(offset=number))
    assert len(of.memory) <= REMEMBERED


def test_csv_is_safe_in_a_spreadsheet() -> None:
    of = snapshot(row("plain", 1), row("+1 'quoted', \"so\"", 2, 0.25))
    lines = overview.csv(of, Wish()).raw.decode().split("\r\n")
    assert lines[0].split(",")[:3] == ["topic", "count", "negative"]
    assert lines[1].startswith('"\'+1 \'quoted\', ""so""",2,1,')
    assert lines[2].startswith("plain,1,0,0,1,0.500000,,0.030000,")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_that_a_spreadsheet_would_run(start: str) -> None:
    assert overview.cell(f"{start}1+1").lstrip('"').startswith("'")


def test_an_empty_row_is_known() -> None:
    assert row("quiet", 0).is_empty is False  # the window before had a post
    assert row("busy", 1).is_empty is False


def test_large_pages_are_not_kept() -> None:
    """One reader who asks for them at every offset would fill the memory."""
    of = snapshot(*(row(f"t{number}", number) for number in range(3)))
    for offset in range(50):
        overview.page(of, Wish(limit=500, offset=offset))
    assert len(of.memory) == 1  # the rows in their order
    assert overview.page(of, Wish()) is overview.page(of, Wish())
