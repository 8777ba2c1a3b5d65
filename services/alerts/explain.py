"""Why an alert was raised: who wrote, what is new in it, which posts weigh most.

Counts are exact where the store counts (posts, reposts, authors); what needs words or names is
read off its even sample of posts, of the window's last hour and of the day before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from models.signature import LABELS
from services.phrases import Phrase, rising
from services.records import REPOST, SCORE_UNIT
from services.store.alerts import Alert, Explanation, PostRef, RisingPhrase
from services.store.posts import KeptPost
from services.store.reader import Reader
from services.store.schema import DAY_MS, HOUR_MS, MINUTE_MS

NEGATIVE: Final = LABELS.index("negative")
TOP_POSTS: Final = 5
TOP_CANDIDATES: Final = 50
MOSTLY: Final = 0.5
"""From this share of the posts on, one author or a few posts passed on are named as the cause."""
UNSEEN_MS: Final = 30 * MINUTE_MS
"""What turned may have begun so long before it could be seen: that time is no baseline."""
FEW: Final = 3
"""Posts that are passed on are a cascade up to this number."""
LEAST_POSTS: Final = 6
"""Of fewer posts nothing is said about who wrote them."""
SHOWN_BEFORE_MS, SHOWN_AFTER_MS = 2 * HOUR_MS, 30 * MINUTE_MS
"""What the link shows around the alert."""

OwnWords = Callable[[str], AbstractSet[str]]
"""By topic, the words that its query asks for (`services.phrases.own_words`)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read of the store. `count`, `reposts` and `authors` cover the whole window."""

    count: int
    reposts: int
    authors: int
    now: Sequence[KeptPost]
    before: Sequence[KeptPost]
    heaviest: Sequence[KeptPost]


class Explainer:
    """Explains alerts from the store; `Unavailable` where that is away."""

    def __init__(
        self,
        reader: Reader,
        own_words: OwnWords = lambda _: frozenset(),
        dashboard_url: str = "",
    ) -> None:
        self._reader = reader
        self._own_words = own_words
        self._dashboard_url = dashboard_url

    def __call__(self, namespace: str, alert: Alert, start_ms: int, end_ms: int) -> Explanation:
        """Why, from what was posted in [start_ms, end_ms)."""
        evidence = self._gather(namespace, alert.topic, start_ms, end_ms)
        link = moment_link(self._dashboard_url, namespace, alert.topic, start_ms, end_ms)
        why = explain(evidence, alert, self._own_words(alert.topic), link)
        return msgspec.structs.replace(why, until_ms=end_ms)

    def _gather(self, namespace: str, topic: str, start_ms: int, end_ms: int) -> Evidence:
        reader = self._reader
        recent_ms = max(start_ms, end_ms - HOUR_MS)
        calm_ms = start_ms - UNSEEN_MS
        panes = [p.sums for p in reader.series(namespace, topic, "1m", start_ms, end_ms)]
        top = reader.top_posts(namespace, topic, start_ms, end_ms, TOP_CANDIDATES)
        return Evidence(
            count=sum(sums.count for sums in panes),
            reposts=sum(sums.reposts for sums in panes),
            authors=reader.authors(namespace, topic, start_ms, end_ms),
            now=reader.sample(namespace, topic, recent_ms, end_ms),
            before=reader.sample(namespace, topic, calm_ms - DAY_MS, calm_ms),
            heaviest=[msgspec.convert(post, KeptPost) for post in top],
        )


def explain(
    evidence: Evidence, alert: Alert, own_words: AbstractSet[str], link: str = ""
) -> Explanation:
    """The explanation of an alert. Names nobody, and keeps references instead of words."""
    about = _about(evidence.now, alert)
    return Explanation(
        authors=evidence.authors,
        posts=evidence.count,
        top_author_share=_top_author_share(evidence.now),
        repost_share=evidence.reposts / evidence.count if evidence.count else 0.0,
        cascade=_cascade(about, alert),
        phrases=tuple(_kept(p) for p in rising(evidence.now, evidence.before, own_words)),
        top_posts=tuple(_reference(post) for post in _heaviest(evidence, alert)),
        link=link,
    )


def moment_link(dashboard_url: str, namespace: str, topic: str, start_ms: int, end_ms: int) -> str:
    """The topic's page of the dashboard around that time; empty without a dashboard's address."""
    if not dashboard_url:
        return ""
    shown = {"from": start_ms - SHOWN_BEFORE_MS, "to": end_ms + SHOWN_AFTER_MS}
    span = {"namespace": namespace, **shown}
    return f"{dashboard_url.rstrip('/')}/topic/{quote(topic, safe='')}?{urlencode(span)}"


def _about(posts: Iterable[KeptPost], alert: Alert) -> list[KeptPost]:
    """The posts that made the alert: the negative ones, or all where their number did."""
    return [p for p in posts if p.label == NEGATIVE or alert.measure == "posts"]


def _top_author_share(posts: Sequence[KeptPost]) -> float:
    """Of posts whose author is known, those of the author who wrote most; 0 for few posts."""
    authors = Counter(post.author for post in posts if post.author)
    known = authors.total()
    return authors.most_common(1)[0][1] / known if known >= LEAST_POSTS else 0.0


def _cascade(about: Sequence[KeptPost], alert: Alert) -> str:
    """One line, where one author or a few posts passed on make up most of it; else empty."""
    if len(about) < LEAST_POSTS:
        return ""
    which = "posts" if alert.measure == "posts" else "negative posts"
    share = _top_author_share(about)
    if share >= MOSTLY:
        return f"One author wrote {share:.0%} of the {which}."
    originals = Counter(p.original_id for p in about if p.kind == REPOST and p.original_id)
    for posts in range(1, FEW + 1):
        share = sum(n for _, n in originals.most_common(posts)) / len(about)
        if share >= MOSTLY:
            what = "one post" if posts == 1 else f"{posts} posts"
            return f"{share:.0%} of the {which} are reposts of {what}."
    return ""


def _heaviest(evidence: Evidence, alert: Alert) -> list[KeptPost]:
    """Of the posts that made the alert the strongest; each author, text and original once."""
    found = {post.id: post for post in (*evidence.heaviest, *evidence.now)}
    about = sorted(_about(found.values(), alert), key=_weight)
    shown: list[KeptPost] = []
    seen: set[str] = set()
    for post in about:
        original = post.original_id if post.kind == REPOST else ""
        marks = {post.author or post.id, original or post.id, f"\0{post.text}"}
        if not marks & seen:
            seen |= marks
            shown.append(post)
    return shown[:TOP_POSTS]


def _weight(post: KeptPost) -> tuple[int, bool, int, str]:
    """Strongest first; of equals those with a picture, then the earlier."""
    return -abs(post.score), not post.has_image, post.created_at_ms, post.id


def _reference(post: KeptPost) -> PostRef:
    return PostRef(post.id, post.created_at_ms, post.score / SCORE_UNIT, post.label)


def _kept(phrase: Phrase) -> RisingPhrase:
    return RisingPhrase(phrase.text, phrase.now, phrase.before, phrase.ratio)
