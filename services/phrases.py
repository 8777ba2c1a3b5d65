"""What more people say than before: words, two-word phrases, hashtags.

Counted are voices, not mentions: an author who repeats something, or a post that is passed on
by the same account again, counts once. What rose is shown where chance does not explain it: a
one-sided exact test of its share (Fisher), at a false discovery rate of 5 % over all that was
looked at (Benjamini and Hochberg 1995), so that little is shown of small samples.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from math import exp, lgamma
from typing import Final, Protocol

from services.terms import terms
from services.topics.folding import is_unspaced
from services.topics.query import Key, Node, leaves
from services.topics.query import Phrase as QueryPhrase

LEAST_VOICES: Final = 3
LEAST_RATIO: Final = 1.5
LEAST_RATIO_OF_OWN: Final = 10.0
FALSE_DISCOVERIES: Final = 0.05
STANDS_FOR: Final = 0.75
"""A longer phrase takes the place of its parts where so many of their voices say it whole."""
ALIKE: Final = 0.9
"""Share of common voices from which two phrases tell the same story, of which one is enough."""


class Said(Protocol):
    """A post, as far as it matters here."""

    @property
    def text(self) -> str: ...

    @property
    def author(self) -> str:
        """Empty where unknown: then every text is a voice of its own."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What rose: `now` and `before` are shares of voices, `ratio` by how much (smoothed)."""

    text: str
    now: float
    before: float
    ratio: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    text: str
    voices: frozenset[str]
    before: int
    chance: float
    """That so many voices or more say it now, were it as frequent as before."""


def rising(
    now: Sequence[Said],
    before: Sequence[Said],
    leave_out: AbstractSet[str] = frozenset(),
    most: int = 10,
) -> list[Phrase]:
    """What rose from `before` to `now`, the least explicable first; nothing without both.

    `leave_out` are words and hashtags (folded) that are no news, unless hardly anybody said them
    before: `own_words` of the topic.
    """
    said_now, voices_now = _voices(now, leave_out)
    said_before, voices_before = _voices(before, leave_out)
    if not voices_now or not voices_before:
        return []
    found = [
        _Candidate(
            text,
            frozenset(who),
            len(earlier := said_before.get(text, set())),
            _tail(len(who), voices_now, len(earlier), voices_before),
        )
        for text, who in said_now.items()
        if len(who) >= LEAST_VOICES
    ]
    risen = [
        candidate
        for candidate in _discoveries(found, len(said_now))
        if _phrase(candidate, voices_now, voices_before).ratio
        >= (LEAST_RATIO_OF_OWN if candidate.text in leave_out else LEAST_RATIO)
    ]
    kept = islice(_distinct(_whole(risen)), most)
    return [_phrase(candidate, voices_now, voices_before) for candidate in kept]


def own_words(query: Node) -> frozenset[str]:
    """The words and hashtags that a topic's query asks for."""
    own: set[str] = set()
    for leaf in leaves(query):
        if isinstance(leaf, QueryPhrase):
            own |= {*leaf.tokens, "".join(leaf.tokens)}
        elif isinstance(leaf, Key) and ":" not in leaf.key:
            own.add(leaf.key.lstrip("#@$"))
    return frozenset(own | {f"#{word}" for word in own})


def _voices(posts: Sequence[Said], leave_out: AbstractSet[str]) -> tuple[dict[str, set[str]], int]:
    """Per term who says it, and how many voices there are."""
    said: dict[str, set[str]] = defaultdict(set)
    voices = set()
    for post in posts:
        voice = post.author or f"\0{post.text}"
        voices.add(voice)
        for term in terms(post.text, leave_out):
            said[term].add(voice)
    return said, len(voices)


def _tail(now: int, all_now: int, before: int, all_before: int) -> float:
    """P(X >= now), X hypergeometric: of now + before voices that say it, those of now."""
    said, everyone = now + before, all_now + all_before
    ways = _log_ways(everyone, all_now)
    return min(
        1.0,
        sum(
            exp(_log_ways(said, k) + _log_ways(everyone - said, all_now - k) - ways)
            for k in range(now, min(said, all_now) + 1)
        ),
    )


def _log_ways(of: int, choose: int) -> float:
    return lgamma(of + 1) - lgamma(choose + 1) - lgamma(of - choose + 1)


def _discoveries(found: Sequence[_Candidate], looked_at: int) -> list[_Candidate]:
    """Those that chance does not explain, the least explicable first.

    `looked_at`: all that could have risen, those with few voices too.
    """
    ranked = sorted(found, key=lambda c: (c.chance, -len(c.voices), -len(c.text), c.text))
    last = 0
    for rank, candidate in enumerate(ranked, start=1):
        if candidate.chance <= FALSE_DISCOVERIES * rank / looked_at:
            last = rank
    return ranked[:last]


def _whole(found: Sequence[_Candidate]) -> list[_Candidate]:
    """Without the parts of longer phrases that stand for them."""
    kept = []
    for part in found:
        wholes = (
            other
            for other in found
            if len(other.text) > len(part.text) and _contains(other.text, part.text)
        )
        if not any(len(o.voices) >= STANDS_FOR * len(part.voices) for o in wholes):
            kept.append(part)
    return kept


def _contains(whole: str, part: str) -> bool:
    if is_unspaced(part[0]):
        return part in whole
    return part in whole.split(" ") or f"#{part}" == whole


def _distinct(found: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """One of those that the same voices say: what is passed on whole is one story."""
    shown: list[_Candidate] = []
    for candidate in found:
        if all(_alike(candidate.voices, other.voices) < ALIKE for other in shown):
            shown.append(candidate)
            yield candidate


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def _phrase(candidate: _Candidate, voices_now: int, voices_before: int) -> Phrase:
    now = len(candidate.voices) / voices_now
    smoothed = (candidate.before + 0.5) / (voices_before + 1)
    return Phrase(candidate.text, now, candidate.before / voices_before, now / smoothed)
