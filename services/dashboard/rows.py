"""A topic's row of the overview: the figures to sort by, and its JSON, made once per change."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from math import hypot

import msgspec

from services.store.glance import Glance


class _Figures(msgspec.Struct):
    """What we need of the stored JSON."""

    count: int
    mean_score: float | None
    standard_error: float | None
    negative_share: float | None = None
    sum: int = 0
    authors: int = 0


_figures = msgspec.json.Decoder(_Figures).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Row:
    """One topic in one window."""

    topic: str
    folded: str
    """The name as searches compare it."""
    last_post_ms: int
    end_ms: int
    count: int
    mean_score: float | None
    negative_share: float | None
    change: float | None
    """Of the mean score, against the window before."""
    is_empty: bool
    """No posts in the window, the one before, and the small series: time alone changes nothing."""
    figures: tuple[object, ...]
    """Equal as long as nothing but time went by."""
    json: bytes
    """The row without its share of voice and alert: the end of an object, from a key on."""


@lru_cache(50_000)
def folded(text: str) -> str:
    """Without case and accents: what people type into a search box."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


def make_row(topic: str, last_post_ms: int, glance: Glance) -> Row:
    """The row of what the store said."""
    now, before = _figures(glance.figures), _figures(glance.before)
    change = error = None
    if now.mean_score is not None and before.mean_score is not None:
        change = round(now.mean_score - before.mean_score, 6)
        if now.standard_error is not None and before.standard_error is not None:
            error = round(hypot(now.standard_error, before.standard_error), 6)
    head = {
        "topic": topic,
        "last_post_ms": last_post_ms,
        "change": change,
        "change_error": error,
    }
    parts = (b',"window":', glance.figures, b',"before":', glance.before)
    tail = b"".join((*parts, b',"spark":', glance.series, b"}"))
    quiet = not now.count and not before.count and b'"count":[0,' in glance.series
    return Row(
        topic=topic,
        folded=folded(topic),
        last_post_ms=last_post_ms,
        end_ms=glance.end_ms,
        count=now.count,
        mean_score=now.mean_score,
        negative_share=now.negative_share,
        change=change,
        is_empty=quiet and not any(_counts(glance.series)),
        figures=(now.count, now.sum, now.negative_share, now.authors, before.count),
        json=_encode(head)[1:-1] + tail,
    )


class _Series(msgspec.Struct):
    count: list[int]


_series = msgspec.json.Decoder(_Series).decode


def _counts(series: bytes) -> list[int]:
    return _series(series).count
