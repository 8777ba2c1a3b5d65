"""From an alert to the message that receivers show.

Words of posts are read from the store at this moment, so that those of deleted posts are not
sent; the picture is the heaviest post's, under what the networks looked at.
"""

from __future__ import annotations

import io
import logging
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.signature import LABELS, NETWORKS, REGIONS
from models.tokenizer import Tokenizer
from services.alerts import wording
from services.alerts.notify.forms import printable, web
from services.alerts.notify.port import Fact, Message, ShownPost
from services.attention import Looked, unpack
from services.errors import Unavailable
from services.heat import SIDE, View, draw, word_weights
from services.pictures.port import Pictures
from services.records import SCORE_UNIT
from services.store.alerts import RESOLVED, AlertEvent
from services.store.posts import KeptPost
from services.store.reader import Reader

log = logging.getLogger(__name__)

MOST_POSTS: Final = 3
LONGEST_TEXT: Final = 280
LONGEST_AUTHOR: Final = 100
QUALITY: Final = 85
PICTURE_ALT: Final = "A picture and words from above, shaded where each network looked most."
TITLES: Final = {"dmlanet": "DMLANet", "rnnca": "RNN-CA"}


class Writer:
    """Writes messages; `Unavailable` where the store is away."""

    def __init__(self, reader: Reader, pictures: Pictures | None = None) -> None:
        self._reader = reader
        self._pictures = pictures

    def __call__(self, event: AlertEvent) -> Message:
        """The message of an event. When it is over, posts and picture are left out."""
        kept = [] if event.kind == RESOLVED else self._posts(event)
        picture = self._picture(kept, event.alert.namespace)
        return Message(
            event=event,
            title=wording.title(event),
            text=wording.text(event),
            facts=tuple(Fact(name, value) for name, value in wording.facts(event)),
            posts=tuple(map(shown, kept)),
            picture=picture,
            picture_alt=PICTURE_ALT if picture else "",
            link=event.alert.explanation.link,
        )

    def _posts(self, event: AlertEvent) -> list[KeptPost]:
        """Those of the explanation that are still kept."""
        alert = event.alert
        refs = alert.explanation.top_posts
        found = (
            self._reader.post(alert.namespace, alert.topic, ref.id, ref.created_at_ms)
            for ref in refs
        )
        return [post for post in found if post is not None][:MOST_POSTS]

    def _picture(self, posts: list[KeptPost], namespace: str) -> bytes | None:
        """Of the first post that has one. An alert goes out without rather than late."""
        if self._pictures is None:
            return None
        for post in posts:
            if not post.has_image:
                continue
            try:
                found = self._pictures.get(post, namespace)
            except Unavailable as error:
                log.warning("an alert goes out without its picture: %s", error)
                return None
            if found and found[0] is not None:
                return _drawn(found[0], post)
        return None


def shown(post: KeptPost) -> ShownPost:
    """A kept post as receivers show it."""
    return ShownPost(
        id=post.id,
        text=_cut(printable(post.text), LONGEST_TEXT) or "(no words)",
        author=_cut(printable(post.author_name or post.author), LONGEST_AUTHOR),
        label=LABELS[post.label],
        score=post.score / SCORE_UNIT,
        created_at_ms=post.created_at_ms,
        url=web(post.url),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _drawn(jpeg: bytes, post: KeptPost) -> bytes | None:
    """None, and a line in the log, for a picture that can't be drawn."""
    try:
        return drawn(jpeg, post)
    except Exception:
        log.exception("the picture of %s can't be drawn: an alert goes out without it", post.id)
        return None


def drawn(jpeg: bytes, post: KeptPost) -> bytes:
    """A JPEG: for each network the picture under its heat and the words shaded."""
    looked = unpack(post.looked)
    picture = Image.open(io.BytesIO(jpeg))
    tokens = _tokenizer().tokens(post.text)
    views = []
    for network in NETWORKS:
        at = looked.get(network, Looked(b"", b""))
        words = tuple(word_weights(post.text, tokens, np.frombuffer(at.words, np.uint8) / 255))
        views.append(View(_title(network, post), words, _regions(at), post.picture_weight))
    out = io.BytesIO()
    draw(picture, post.text, views).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _regions(looked: Looked) -> NDArray[np.float32] | None:
    """(SIDE, SIDE), 0..1; None where nothing is known."""
    if not any(looked.regions):
        return None
    cells = np.frombuffer(looked.regions, np.uint8) / np.float32(255)
    return cells.astype(np.float32).reshape(SIDE, REGIONS // SIDE)


def _title(network: str, post: KeptPost) -> str:
    """The name and its verdict: "DMLANet: negative 93%"."""
    found = getattr(post, network)
    if found is None:
        return TITLES[network]
    best = max(range(len(LABELS)), key=found.__getitem__)
    return f"{TITLES[network]}: {LABELS[best]} {found[best]:.0%}"


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer.load()
