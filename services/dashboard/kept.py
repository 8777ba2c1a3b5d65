"""Kept posts as the API shows them. What a stranger wrote goes out as text in JSON, never else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import msgspec
import numpy as np

from models.signature import LABELS, NETWORKS
from models.tokenizer import Tokenizer
from services.attention import Looked, unpack
from services.heat import SIDE, word_weights
from services.records import SCORE_UNIT
from services.store.posts import KeptPost

MOST_PICTURES: Final = 4
PLAIN: Final = ("topic", "text", "author", "author_name", "lang", "kind", "original_id")
SCORED: Final = ("has_image", "has_text", "dmlanet", "rnnca", "unseen_language", "masked_reason")


def kept_post(found: KeptPost | Mapping[str, Any]) -> KeptPost:
    """As the store's readers give it."""
    return found if isinstance(found, KeptPost) else msgspec.convert(found, KeptPost)


def item(post: KeptPost, namespace: str, topic: str) -> dict[str, Any]:
    """`schemas.PostItem`."""
    names = ("id", "created_at_ms", *PLAIN[1:], *SCORED)
    scored = post.dmlanet is not None
    return {
        **{name: getattr(post, name) for name in names},
        "topic": topic,
        "score": post.score / SCORE_UNIT,
        "label": LABELS[post.label],
        "url": safe_link(post.url),
        "pictures": [picture_url(post, namespace, topic, n) for n in range(pictures(post))],
        "picture_weight": post.picture_weight if scored else None,
    }


def detail(post: KeptPost, namespace: str, topic: str) -> dict[str, Any]:
    """`schemas.PostDetail`."""
    looked = unpack(post.looked)
    return {
        **item(post, namespace, topic),
        "namespace": namespace,
        "words": words(post.text, looked),
        "regions": regions(looked),
        **{f"{name}_label": _label(getattr(post, name)) for name in NETWORKS},
    }


def pictures(post: KeptPost) -> int:
    """How many pictures the post may have here."""
    return min(MOST_PICTURES, max(1, len(post.picture_urls))) if post.has_image else 0


def picture_url(post: KeptPost, namespace: str, topic: str, number: int) -> str:
    """Where we serve it: a picture is never linked at its host."""
    where = "/".join(quote(part, safe="") for part in (namespace, topic, post.id))
    return f"/api/v1/pictures/{where}/{number}?created_at_ms={post.created_at_ms}"


def safe_link(url: str) -> str:
    """The address of the original; empty where a click on it could run something."""
    return url if url.startswith(("https://", "http://")) and url.isprintable() else ""


def words(text: str, looked: Mapping[str, Looked]) -> list[dict[str, Any]]:
    """Words in their order with both networks' attention, 1 for the word of the most."""
    if not text or not looked:
        return []
    tokens = _tokenizer().tokens(text)
    found = [_shares(word_weights(text, tokens, _array(looked[n].words))) for n in NETWORKS]
    return [
        {"text": text[a:b], "start": a, "end": b, **dict(zip(NETWORKS, both, strict=True))}
        for (a, b), *both in _joined(*found)
    ]


def _joined(
    first: Mapping[tuple[int, int], float], second: Mapping[tuple[int, int], float]
) -> list[tuple[tuple[int, int], float, float]]:
    return [(span, weight, second[span]) for span, weight in sorted(first.items())]


def _shares(found: list[Any]) -> dict[tuple[int, int], float]:
    greatest = max((word.weight for word in found), default=0.0) or 1.0
    return {(word.start, word.end): round(word.weight / greatest, 4) for word in found}


def regions(looked: Mapping[str, Looked]) -> dict[str, list[list[float]]] | None:
    """`schemas.Regions`; None where no network looked at a picture."""
    if not any(any(where.regions) for where in looked.values()):
        return None
    return {
        name: (_array(where.regions).reshape(SIDE, SIDE) / 255).round(4).tolist()
        for name, where in looked.items()
    }


def _array(weights: bytes) -> np.ndarray[Any, Any]:
    return np.frombuffer(weights, dtype=np.uint8).astype(np.float64)


def _label(probabilities: tuple[float, float, float] | None) -> str | None:
    return None if probabilities is None else LABELS[probabilities.index(max(probabilities))]


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer.load()
