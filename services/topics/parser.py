"""The query language: X's filtered-stream syntax, as far as we can answer it ourselves.

    query  = group { "OR" group }
    group  = clause { ["AND"] clause }            AND binds tighter than OR, as at X
    clause = { "-" | "NOT" } ( "(" query ")" | term )
    term   = word | emoji | "exact phrase" | #hashtag | @mention | $cashtag
           | from:NAME | lang:CODE | source:PLATFORM
           | is:repost | is:retweet | is:reply | is:quote
           | has:images | has:links | has:hashtags | has:mentions | has:cashtags

A space, `OR`, `-`, parentheses and all terms but `source:` and `is:repost` mean
the same at X, where `is:retweet` is the name of `is:repost`; `AND` and `NOT`
are ours. Other than at X, a query may consist of negations only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from services.topics import folding, words
from services.topics.query import And, Key, Node, Not, Or, Phrase, QueryError

MAX_DEPTH: Final = 50
MAX_LENGTH: Final = 4096

IS: Final = {
    "repost": "is:repost",
    "retweet": "is:repost",
    "reply": "is:reply",
    "quote": "is:quote",
}
HAS: Final = ("images", "links", "hashtags", "mentions", "cashtags")
PLATFORMS: Final = {"twitter": "x"}
"""Other names of a platform, as `source:` takes them."""
OPERATORS: Final = ("from", "lang", "source", "has", "is")

_LEXEME: Final = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<minus>-)
        |(?P<quote>"(?:[^"\\]|\\.)*(?P<ended>")?)|(?P<word>[^\s()"]+))""",
    re.VERBOSE | re.DOTALL,
)
_OPERATOR: Final = re.compile(r"([A-Za-z_]+):(.*)", re.DOTALL)
_EDGES: Final = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One piece of a query. `kind`: `(`, `)`, `-`, `phrase`, `word`, `AND`, `OR`, `NOT`, `end`."""

    kind: str
    text: str
    column: int

    def __str__(self) -> str:
        return "the end of the query" if self.kind == "end" else f"'{self.text}'"


def parse(query: str) -> Node:
    """The tree of a query. `QueryError` where it can't be read."""
    if len(query) > MAX_LENGTH:
        raise QueryError(
            MAX_LENGTH + 1, f"at most {MAX_LENGTH} characters", f"{len(query)} characters"
        )
    return _Parser(_lexemes(query)).whole()


class _Parser:
    def __init__(self, lexemes: list[Lexeme]) -> None:
        self._lexemes = lexemes
        self._at = 0

    @property
    def _next(self) -> Lexeme:
        return self._lexemes[self._at]

    def _take(self, kind: str) -> Lexeme | None:
        lexeme = self._next
        if lexeme.kind != kind:
            return None
        self._at += 1
        return lexeme

    def whole(self) -> Node:
        node = self._query(0)
        if self._next.kind != "end":
            raise QueryError(self._next.column, "the end of the query", f"{self._next}")
        return node

    def _query(self, depth: int) -> Node:
        parts = [self._group(depth)]
        while self._take("OR"):
            parts.append(self._group(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _group(self, depth: int) -> Node:
        parts = [self._clause(depth)]
        while self._take("AND") or self._next.kind in ("(", "-", "NOT", "phrase", "word"):
            parts.append(self._clause(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _clause(self, depth: int) -> Node:
        negated = False
        while self._take("-") or self._take("NOT"):
            negated = not negated
        node = self._operand(depth)
        return Not(node) if negated else node

    def _operand(self, depth: int) -> Node:
        lexeme = self._next
        self._at += 1
        match lexeme.kind:
            case "(":
                return self._parentheses(lexeme, depth + 1)
            case "phrase":
                return _phrase(lexeme)
            case "word":
                return _term(lexeme)
        raise QueryError(lexeme.column, "a word, a phrase, an operator or '('", f"{lexeme}")

    def _parentheses(self, opened: Lexeme, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise QueryError(opened.column, f"at most {MAX_DEPTH} nested parentheses", "one more")
        node = self._query(depth)
        if not self._take(")"):
            raise QueryError(
                self._next.column,
                f"')' for the '(' in column {opened.column}",
                f"{self._next}",
            )
        return node


def _lexemes(query: str) -> list[Lexeme]:
    found: list[Lexeme] = []
    at = 0
    while match := _LEXEME.match(query, at):
        kind = match.lastgroup if match.lastgroup != "ended" else "quote"
        assert kind is not None
        text, column = match[kind], match.start(kind) + 1
        if kind == "quote" and not match["ended"]:
            raise QueryError(len(query) + 1, f"'\"' for the '\"' in column {column}", "the end")
        if kind == "word" and text in ("AND", "OR", "NOT"):
            kind = text
        kinds = {"open": "(", "close": ")", "minus": "-", "quote": "phrase"}
        found.append(Lexeme(kinds.get(kind, kind), text, column))
        at = match.end()
    found.append(Lexeme("end", "", len(query) + 1))
    return found


def _term(lexeme: Lexeme) -> Node:
    text, column = lexeme.text, lexeme.column
    if text[0] in "#＃":
        return _named(lexeme, "#", words.hashtag_name, "letters, digits or '_' after '#'")
    if text[0] in "@＠":
        return _named(lexeme, "@", words.mention_name, "a user name after '@'")
    if text[0] == "$":
        return _named(lexeme, "$", words.cashtag_name, "one to six letters after '$'")
    if operator := _OPERATOR.fullmatch(text):
        return _operator(lexeme, operator[1], operator[2])
    if text.lower() in ("or", "and"):
        raise QueryError(
            column, f'{text.upper()} to join terms, or "{text}" for the word', f"'{text}'"
        )
    if text[0] in "“”„«»":
        raise QueryError(column, "a straight quotation mark '\"'", f"'{text[0]}'")
    folded = folding.fold(text)
    found = folding.tokens(folded)
    if not found or "".join(found) != folded:
        offset = next((i for i, c in enumerate(text) if not folding.tokens(folding.fold(c))), 0)
        raise QueryError(
            column + offset,
            f'a letter, a digit or an emoji (a term with other characters is quoted: "{text}")',
            f"'{text[offset]}'",
        )
    return _sequence(tuple(found), text)


def _sequence(found: tuple[str, ...], source: str, literal: str = "") -> Node:
    if len(found) == 1 and not literal:
        return Key(found[0], source)
    return Phrase(found, source, literal)


def _phrase(lexeme: Lexeme) -> Node:
    """Characters that part words count in a phrase: "coca-cola" is not "coca cola"."""
    folded = " ".join(folding.fold(re.sub(r"\\(.)", r"\1", lexeme.text[1:-1])).split())
    found = tuple(folding.tokens(folded))
    if not found:
        raise QueryError(lexeme.column + 1, "a word between the quotation marks", f"{lexeme}")
    plain = "".join(token for token in found if token != folding.GAP) == folded.replace(" ", "")
    return _sequence(found, lexeme.text, "" if plain else folded)


def _named(lexeme: Lexeme, sign: str, valid: Callable[[str], bool], expected: str) -> Node:
    name = folding.fold(lexeme.text[1:])
    if not valid(name):
        raise QueryError(lexeme.column + 1, expected, f"'{lexeme.text[1:]}'" if name else "nothing")
    return Key(sign + name, lexeme.text)


def _operator(lexeme: Lexeme, name: str, value: str) -> Node:
    column = lexeme.column + len(name) + 1
    if name not in OPERATORS:
        raise QueryError(lexeme.column, _one_of(OPERATORS, name, "{}:"), f"'{name}:'")
    folded = folding.fold(value).removeprefix("@")
    if name == "is" and folded not in IS:
        raise QueryError(column, _one_of(tuple(IS), folded), f"'{value}'")
    if name == "has" and folded not in HAS:
        raise QueryError(column, _one_of(HAS, folded), f"'{value}'")
    if not _EDGES.match(folded):
        raise QueryError(column, f"a value after '{name}:'", f"'{value}'" if value else "nothing")
    if name == "is":
        return Key(IS[folded], lexeme.text)
    if name == "source":
        folded = PLATFORMS.get(folded, folded)
    return Key(f"{name}:{folded}", lexeme.text)


def _one_of(names: tuple[str, ...], found: str, form: str = "{}") -> str:
    close = get_close_matches(found, names, n=1)
    hint = f" (did you mean '{form.format(close[0])}'?)" if close else ""
    return f"one of {', '.join(form.format(name) for name in names)}{hint}"
