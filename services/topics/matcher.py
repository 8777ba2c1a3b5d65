"""Which topics a post belongs to, without asking every topic.

Each query is filed under *anchors*: features of which a post must have at least
one for the query to be true. A post's own features then name the few queries
worth evaluating. A query that has no anchors (pure negation, or only `lang:`,
`is:` and the like, which nearly every post has) is always evaluated.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Final, TypeAlias

from services.topics.folding import GAP
from services.topics.query import And, Key, Node, Not, Or, Phrase, leaves
from services.topics.rules import DEFAULT, Rule
from services.topics.words import Features, PostView, join

Test: TypeAlias = Callable[[Features], bool]

COMMON: Final = ("lang:", "source:", "is:", "has:")
HAS_IMAGES: Final = Key("has:images", "(has a picture)")
IS_REPOST: Final = Key("is:repost", "(is a repost)")


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing monitored. `line` is its place in the file; `alerts` are its rules, those for all
    where it has none of its own."""

    name: str
    query: str
    tree: Node
    text_only: bool = False
    """Take posts without a picture too."""
    reposts: bool = True
    """Count reposts too."""
    alerts: tuple[Rule, ...] = DEFAULT
    line: int = 0

    def whole(self) -> Node:
        """The query together with what the options ask."""
        parts = [self.tree]
        if not self.text_only:
            parts.append(HAS_IMAGES)
        if not self.reposts:
            parts.append(Not(IS_REPOST))
        return And(tuple(parts)) if len(parts) > 1 else self.tree


class Topics:
    """All topics of a file, ready to match. Thread-safe: nothing changes after construction."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self.topics = tuple(topics)
        self.names = tuple(topic.name for topic in self.topics)
        self._tests = tuple(compile_test(topic.whole()) for topic in self.topics)
        filed: defaultdict[str, list[int]] = defaultdict(list)
        unfiled = []
        for index, topic in enumerate(self.topics):
            keys = anchors(topic.tree)
            for key in keys or ():
                filed[key].append(index)
            if keys is None:
                unfiled.append(index)
        self._filed = {key: tuple(indexes) for key, indexes in filed.items()}
        self._keys = frozenset(filed)
        self._unfiled = tuple(unfiled)

    def __len__(self) -> int:
        return len(self.topics)

    def __iter__(self) -> Iterator[Topic]:
        return iter(self.topics)

    def match(self, view: PostView) -> tuple[str, ...]:
        """Names of the topics that take this post, in the order of the file."""
        features = Features(view)
        hits = self._keys & features.keys
        if not hits and not self._unfiled:
            return ()
        candidates = {*self._unfiled, *(index for key in hits for index in self._filed[key])}
        tests, names = self._tests, self.names
        return tuple([names[index] for index in sorted(candidates) if tests[index](features)])


def explain(topic: Topic, view: PostView) -> list[tuple[str, bool]]:
    """Every term of the topic, options included, and whether it is true of the post."""
    features = Features(view)
    found: dict[str, bool] = {}
    for leaf in leaves(topic.whole()):
        found.setdefault(leaf.source, compile_test(leaf)(features))
    return list(found.items())


def anchors(node: Node) -> frozenset[str] | None:
    """Features of which a post must have one for `node` to be true; None if there are none such."""
    match node:
        case Key(key):
            return None if key.startswith(COMMON) else frozenset({key})
        case Phrase(tokens):
            return frozenset({max((t for t in tokens if t != GAP), key=len)})
        case Or(parts):
            sets = [anchors(part) for part in parts]
            return reduce(frozenset.union, (s for s in sets if s)) if all(sets) else None
        case And(parts):
            return min(filter(None, map(anchors, parts)), key=_cost, default=None)
    return None


def _cost(keys: frozenset[str]) -> tuple[int, int]:
    """Few and long anchors are met seldom."""
    return len(keys), -min(map(len, keys))


def compile_test(node: Node) -> Test:
    """The tree as nested closures, its plain features grouped into set operations."""
    match node:
        case Key(key):
            return lambda features: key in features.keys
        case Phrase():
            return _phrase_test(node)
        case Not(part):
            inner = compile_test(part)
            return lambda features: not inner(features)
        case And(parts):
            return _and_test(parts)
        case Or(parts):
            return _or_test(parts)


def _and_test(parts: tuple[Node, ...]) -> Test:
    needed = frozenset(part.key for part in parts if isinstance(part, Key))
    barred = frozenset(p.part.key for p in parts if isinstance(p, Not) and isinstance(p.part, Key))
    rest = [
        compile_test(part)
        for part in parts
        if not isinstance(part, Key) and not (isinstance(part, Not) and isinstance(part.part, Key))
    ]

    def test(features: Features) -> bool:
        keys = features.keys
        if not needed <= keys or not barred.isdisjoint(keys):
            return False
        return all(part(features) for part in rest) if rest else True

    return test


def _or_test(parts: tuple[Node, ...]) -> Test:
    wanted = frozenset(part.key for part in parts if isinstance(part, Key))
    rest = [compile_test(part) for part in parts if not isinstance(part, Key)]

    def test(features: Features) -> bool:
        if not wanted.isdisjoint(features.keys):
            return True
        return any(part(features) for part in rest) if rest else False

    return test


def _phrase_test(phrase: Phrase) -> Test:
    wanted, needed = join(phrase.tokens), frozenset(phrase.tokens)
    if not phrase.literal:
        return lambda features: needed <= features.keys and wanted in features.joined
    literal = _literal(phrase.literal)
    return lambda features: (
        needed <= features.keys
        and wanted in features.joined
        and literal.search(features.text) is not None
    )


def _literal(text: str) -> re.Pattern[str]:
    """The very characters, any white space between them, not inside another word."""
    inside = r"\s+".join(re.escape(piece) for piece in text.split(" "))
    before = r"(?<![^\W_])" if text[0].isalnum() else ""
    after = r"(?![^\W_])" if text[-1].isalnum() else ""
    return re.compile(before + inside + after)


def never_true(topic: Topic) -> str:
    """Why no post can ever match, where the options contradict the query; else nothing."""
    parts: tuple[Node, ...] = topic.tree.parts if isinstance(topic.tree, And) else (topic.tree,)
    barred = [p.part.key for p in parts if isinstance(p, Not) and isinstance(p.part, Key)]
    needed: list[str] = [part.key for part in parts if isinstance(part, Key)]
    if not topic.text_only and HAS_IMAGES.key in barred:
        return "it bars posts with a picture, and takes no others: add text_only: true"
    if not topic.reposts and IS_REPOST.key in needed:
        return "it asks for reposts, and takes none: leave out reposts: false"
    return ""
