"""Our topics as rules of X's filtered stream, and what has to change there.

A rule only has to bring every post that the topic takes, not only those: each
post is matched again by us. So a term that X does not know is left out where
leaving it out lets more through, and the topic is refused where nothing
would be left to ask for.

A query longer than the plan's rules is split at an OR, into rules of one tag:
`ut:<topic>`. Rules without our tag are somebody else's and stay as they are.

Operators: docs.x.com/x-api/posts/filtered-stream/integrate/build-a-rule
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.errors import UsageError
from services.topics import Topic
from services.topics.query import And, Key, Node, Not, Or, Phrase

TAG = "ut:"
STANDALONE = ("lang:", "is:", "has:")
"""What X takes only beside a term that stands for itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the account's plan allows: characters in a rule, and rules."""

    rule_length: int = 512
    rules: int = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """`id` is X's, empty for one that is not there yet."""

    value: str
    tag: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    add: tuple[Rule, ...]
    remove: tuple[Rule, ...]


def rules_of(topics: Iterable[Topic], plan: Plan) -> list[Rule]:
    """Rules that bring every post of these topics; `UsageError` names the topic at fault."""
    rules = [Rule(value, TAG + t.name) for t in topics for value in _values(t, plan)]
    if len(rules) > plan.rules:
        raise UsageError(
            f"the topics need {len(rules)} rules of X's filtered stream, the plan allows "
            f"{plan.rules}: join topics with OR, or monitor fewer of them on X"
        )
    return rules


def changes(wanted: Sequence[Rule], there: Sequence[Rule]) -> Changes:
    """What to add and remove, so that nothing of ours is there that is not wanted."""
    have = {(rule.tag, rule.value) for rule in there}
    want = {(rule.tag, rule.value) for rule in wanted}
    ours = [rule for rule in there if rule.tag.startswith(TAG)]
    return Changes(
        tuple(rule for rule in wanted if (rule.tag, rule.value) not in have),
        tuple(rule for rule in ours if (rule.tag, rule.value) not in want),
    )


def _values(topic: Topic, plan: Plan) -> list[str]:
    """The topic's rules; none where it can't match on X at all."""
    tree = _known(topic.whole())
    if tree is False:
        return []
    if tree is True or not _stands(tree):
        raise UsageError(
            f"topic {topic.name!r} can't be asked of X: a rule needs a word, phrase, hashtag, "
            f"mention, cashtag or from: that must be there, in every part of an OR"
        )
    return [_text(part) for part in _split(tree, plan.rule_length, topic.name)]


def _known(node: Node) -> Node | bool:
    """The node as X can hold it. True: nothing is asked; False: never true on X."""
    match node:
        case Key(key):
            return _source(key) if key.startswith("source:") else node
        case Phrase():
            return node
        case Not(part):
            inner = _known(part)
            return (not inner) if isinstance(inner, bool) else Not(inner)
        case And(parts):
            found = [_known(part) for part in parts]
            if False in found:
                return False
            kept = tuple(part for part in found if not isinstance(part, bool))
            return And(kept) if len(kept) > 1 else kept[0] if kept else True
        case Or(parts):
            found = [_known(part) for part in parts]
            if True in found:
                return True
            kept = tuple(part for part in found if not isinstance(part, bool))
            return Or(kept) if len(kept) > 1 else kept[0] if kept else False


def _source(key: str) -> bool:
    """Every post of the filtered stream is from X."""
    return key == "source:x"


def _stands(node: Node) -> bool:
    """Whether a rule may consist of this: something positive that X can look up."""
    match node:
        case Key(key):
            return not key.startswith(STANDALONE)
        case Phrase():
            return True
        case Not():
            return False
        case And(parts):
            return any(map(_stands, parts))
        case Or(parts):
            return all(map(_stands, parts))


def _split(node: Node, length: int, name: str) -> list[Node]:
    """Parts of at most `length` characters that together bring what `node` brings."""
    if len(_text(node)) <= length:
        return [node]
    halves = _halves(node)
    if halves is None:
        raise UsageError(
            f"topic {name!r} is longer than the {length} characters of one of X's rules, "
            "and has no OR to split it at"
        )
    return [part for half in halves for part in _split(half, length, name)]


def _halves(node: Node) -> tuple[Node, Node] | None:
    """The node cut in two at its largest OR."""
    match node:
        case Or(parts):
            middle = len(parts) // 2
            return _or(parts[:middle]), _or(parts[middle:])
        case And(parts):
            widest = max(parts, key=lambda part: len(_text(part)) if isinstance(part, Or) else 0)
            cut = _halves(widest) if isinstance(widest, Or) else None
            if cut is None:
                return None
            one, other = (
                And(tuple(half if part is widest else part for part in parts)) for half in cut
            )
            return one, other
    return None


def _or(parts: tuple[Node, ...]) -> Node:
    return Or(parts) if len(parts) > 1 else parts[0]


def _text(node: Node, inside: bool = False) -> str:
    """The node in X's syntax; `inside` something else, an OR or AND needs parentheses."""
    match node:
        case Key(key, source):
            if key == "is:repost":
                return "is:retweet"
            return key if key.startswith(("is:", "has:")) else source
        case Phrase(_, source):
            return source
        case Not(part):
            return f"-{_text(part, inside=True)}"
        case And(parts):
            text = " ".join(_text(part, inside=True) for part in parts)
        case Or(parts):
            text = " OR ".join(_text(part, inside=True) for part in parts)
    return f"({text})" if inside else text
