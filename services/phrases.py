"""What more people say than before: words, two-word phrases, hashtags.

Counted are voices, not mentions: an author who repeats something, or a post that is passed on
by the same account again, counts once. What rose is shown where chance does not explain it: a
one-sided exact test of its share (Fisher), at a false discovery rate of 5 % over all that could
be found (Benjamini and Hochberg 1995), so that little is shown of small samples.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from math import exp, lgamma
from typing import Final, Protocol

from services.terms import terms
from services.topics.folding import fold, is_unspaced
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

_HASHTAG: Final = re.compile(r"#\w+")


class Said(Protocol):
    """A post, as far as it matters here."""

    @property
    def text(self) -> str: ...

    @property
    def author(self) -> str:
        """Empty where unknown: then every text is a voice of its own."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What rose, folded but for hashtags. `now` and `before` are shares of voices, `ratio` says by
    how much (smoothed)."""

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
    later, earlier = _heard(now, leave_out), _heard(before, leave_out)
    if not later.voices or not earlier.voices:
        return []
    found = (
        candidate
        for candidate in _candidates(later, earlier)
        if candidate.text not in leave_out or _is_as_good_as_new(candidate, later, earlier)
    )
    stories = _distinct(_whole(_unlikely(found)))
    risen = (
        _phrase(story, later, earlier) for story in _discoveries(stories, _testable(later, earlier))
    )
    shown = [phrase for phrase in risen if phrase.ratio >= LEAST_RATIO][:most]
    return [replace(phrase, text=_spelled(phrase.text, now)) for phrase in shown]


def own_words(query: Node) -> frozenset[str]:
    """The words and hashtags that a topic's query asks for."""
    own: set[str] = set()
    for leaf in leaves(query):
        if isinstance(leaf, QueryPhrase):
            own |= {*leaf.tokens, "".join(leaf.tokens)}
        elif isinstance(leaf, Key) and ":" not in leaf.key:
            own.add(leaf.key.lstrip("#@$"))
    return frozenset(own | {f"#{word}" for word in own})


@dataclass(frozen=True, slots=True)
class _Heard:
    """Per term who says it, and how many voices there are."""

    said: Mapping[str, set[str]]
    voices: int

    def count(self, term: str) -> int:
        return len(self.said.get(term, ()))


def _heard(posts: Sequence[Said], leave_out: AbstractSet[str]) -> _Heard:
    said: dict[str, set[str]] = defaultdict(set)
    voices = set()
    for post in posts:
        voice = post.author or f"\0{post.text}"
        voices.add(voice)
        for term in terms(post.text, leave_out):
            said[term].add(voice)
    return _Heard(said, len(voices))


def _candidates(later: _Heard, earlier: _Heard) -> Iterator[_Candidate]:
    for text, who in later.said.items():
        if len(who) >= LEAST_VOICES:
            before = earlier.count(text)
            chance = _tail(len(who), later.voices, before, earlier.voices)
            yield _Candidate(text, frozenset(who), before, chance)


def _is_as_good_as_new(candidate: _Candidate, later: _Heard, earlier: _Heard) -> bool:
    now, before = len(candidate.voices) / later.voices, candidate.before / earlier.voices
    return now >= LEAST_RATIO_OF_OWN * before


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


def _testable(later: _Heard, earlier: _Heard) -> int:
    """How many terms could be found at all, by how many say each, now and before together.

    Rare ones can't be significant whenever they are said, so they are no tests (Tarone 1990).
    """
    everything = later.said.keys() | earlier.said.keys()
    totals = Counter(later.count(term) + earlier.count(term) for term in everything)
    chances: list[float] = []
    for total, terms_ in totals.items():
        most = min(total, later.voices)
        rarest = _tail(most, later.voices, total - most, earlier.voices)
        chances += [rarest] * terms_
    chances.sort()
    tests = 1
    while bisect_right(chances, FALSE_DISCOVERIES / tests) > tests:
        tests += 1
    return tests


def _unlikely(found: Iterable[_Candidate]) -> list[_Candidate]:
    """What could be a discovery, the least explicable first."""
    few = (candidate for candidate in found if candidate.chance <= FALSE_DISCOVERIES)
    return sorted(few, key=lambda c: (c.chance, -len(c.voices), -len(c.text), c.text))


def _discoveries(ranked: Iterable[_Candidate], tests: int) -> list[_Candidate]:
    """Those that chance does not explain. Stories are ranked, not the words that tell them: many
    words of one would let noise in."""
    stories = list(ranked)
    last = 0
    for rank, candidate in enumerate(stories, start=1):
        if candidate.chance <= FALSE_DISCOVERIES * rank / tests:
            last = rank
    return stories[:last]


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


def _spelled(text: str, posts: Sequence[Said]) -> str:
    """A hashtag as most write it: #BatteryGate; other phrases stay folded."""
    if not text.startswith("#"):
        return text
    written = (tag for post in posts for tag in _HASHTAG.findall(post.text) if fold(tag) == text)
    best = Counter(written).most_common(1)
    return best[0][0] if best else text


def _phrase(candidate: _Candidate, later: _Heard, earlier: _Heard) -> Phrase:
    now = len(candidate.voices) / later.voices
    smoothed = (candidate.before + 0.5) / (earlier.voices + 1)
    return Phrase(candidate.text, now, candidate.before / earlier.voices, now / smoothed)
