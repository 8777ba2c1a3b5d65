"""What a query is once it is read: a small tree over features of a post."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Key:
    """True where the post has this feature. `source` is the term as the query writes it."""

    key: str
    source: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """True where these tokens follow one another; with `literal`, also in these very characters."""

    tokens: tuple[str, ...]
    source: str
    literal: str = ""


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


Leaf: TypeAlias = Key | Phrase
Node: TypeAlias = Key | Phrase | Not | And | Or


class QueryError(ValueError):
    """A query that can't be read: the column (from 1), what was expected there and found."""

    def __init__(self, column: int, expected: str, found: str) -> None:
        super().__init__(f"column {column}: expected {expected}, found {found}")
        self.column = column


def leaves(node: Node) -> Iterator[Leaf]:
    """Every term of the query, in its order."""
    match node:
        case Not(part):
            yield from leaves(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case _:
            yield node
