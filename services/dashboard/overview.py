"""The overview's page of topics: searched, sorted, cut to a page; from a snapshot, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from services.dashboard.answers import CSV, Body
from services.dashboard.badges import Badge
from services.dashboard.rows import Row, folded
from services.dashboard.views import Snapshot

Sort = Literal["name", "count", "score", "negative", "change", "alert"]
Order = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What page is asked for."""

    q: str = ""
    sort: Sort = "count"
    order: Order | None = None
    """None: what people want to see first; names from a, figures from the greatest."""
    offset: int = 0
    limit: int = 50


MOST_SHARED: Final = 100
"""Rows of a page that is kept for others, of about 1 kB each: hundreds of pages are, and one
reader alone can ask for as many."""
Key = Callable[[Row], float | None]
_KEYS: Final[Mapping[str, Key]] = {
    "count": lambda row: row.count,
    "score": lambda row: row.mean_score,
    "negative": lambda row: row.negative_share,
    "change": lambda row: row.change,
}

_encode = msgspec.json.Encoder().encode


def page(snapshot: Snapshot, wish: Wish) -> Body:
    """The page as JSON, the same bytes for all who ask the same of the same snapshot."""
    if wish.limit > MOST_SHARED:
        return _page(snapshot, wish)
    return snapshot.remember(("page", wish), lambda: _page(snapshot, wish))


def _page(snapshot: Snapshot, wish: Wish) -> Body:
    rows = _matching(snapshot, wish)
    shown = rows[wish.offset : wish.offset + wish.limit]
    head = _encode({**head_of(snapshot), "total": len(rows)})
    return Body(head[:-1] + b',"topics":[' + join(snapshot, shown) + b"]}")


def head_of(snapshot: Snapshot) -> dict[str, object]:
    """What is said once of all rows."""
    state = snapshot.state
    return {
        "namespace": state.name,
        "kind": state.namespace.kind,
        "window": snapshot.window,
        "end_ms": snapshot.end_ms,
        "watermark_ms": state.watermark.ms,
        "ended": state.watermark.ended,
        "posts": snapshot.posts,
    }


def join(snapshot: Snapshot, rows: Iterable[Row]) -> bytes:
    """Rows as JSON, with a comma between."""
    return b",".join(row_json(snapshot, row) for row in rows)


def row_json(snapshot: Snapshot, row: Row) -> bytes:
    """A row with its share of voice and its alert."""
    posts, badge = snapshot.posts, snapshot.badges.get(row.topic)
    share = f"{row.count / posts:.6f}" if posts else "null"
    start = b'{"share_of_voice":%b,"alert":%b,' % (share.encode(), _encode(badge))
    return start + row.json


def csv(snapshot: Snapshot, wish: Wish) -> Body:
    """The same rows as a table; without a limit of its own all of them."""
    rows = _matching(snapshot, wish)[wish.offset : wish.offset + wish.limit]
    names = ("count", "negative", "neutral", "positive", "negative_share", "mean_score")
    more = ("standard_error", "reposts", "images", "authors", "start_ms", "end_ms")
    lines = [",".join(("topic", *names, *more, "change", "share_of_voice"))]
    for row in rows:
        figures = msgspec.json.decode(b"{" + row.json)["window"]
        share = row.count / snapshot.posts if snapshot.posts else None
        cells = [figures[name] for name in (*names, *more)] + [row.change, share]
        lines.append(",".join([cell(row.topic), *map(cell, cells)]))
    return Body("\r\n".join([*lines, ""]).encode(), CSV)


def cell(value: object) -> str:
    """A cell of CSV; text that a spreadsheet would take for a formula is defused."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return f"{value:.6f}" if isinstance(value, float) else str(value)
    text = f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def _matching(snapshot: Snapshot, wish: Wish) -> Sequence[Row]:
    """Every row that fits `q`, in order; kept with the snapshot."""
    wanted = folded(wish.q.strip())

    def find() -> list[Row]:
        rows = snapshot.rows.values()
        return _sorted([r for r in rows if wanted in r.folded], snapshot.badges, wish)

    return snapshot.remember(("rows", wanted, wish.sort, wish.order), find)


def _sorted(rows: list[Row], badges: Mapping[str, Badge], wish: Wish) -> list[Row]:
    """`rows` come by name. Those without the figure go last, whatever the order; equals stay by
    name."""
    if wish.sort == "name":
        return rows[::-1] if wish.order == "desc" else rows
    down = wish.order != "asc"
    if wish.sort == "alert":
        grave = {topic: badge.gravity for topic, badge in badges.items()}
        rows.sort(key=lambda row: (grave.get(row.topic, 0), row.count), reverse=down)
        return rows
    figure = _KEYS[wish.sort]
    there = [(value, row) for row in rows if (value := figure(row)) is not None]
    there.sort(key=lambda pair: pair[0], reverse=down)
    return [row for _, row in there] + [row for row in rows if figure(row) is None]
