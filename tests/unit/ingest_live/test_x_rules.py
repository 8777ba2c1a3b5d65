"""Topics as rules of X's filtered stream."""

from __future__ import annotations

import pytest

from services.errors import UsageError
from services.ingest.x_rules import Changes, Plan, Rule, changes, rules_of
from services.topics import PostView, parse_topics
from services.topics.matcher import compile_test
from services.topics.parser import parse
from services.topics.words import Features


def rules(query: str, *, options: str = "text_only: true", plan: Plan | None = None) -> list[str]:
    text = f"topics:\n  acme:\n    query: '{query}'\n    {options}\n"
    return [rule.value for rule in rules_of(parse_topics(text, "test"), plan or Plan())]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("acme", "acme"),
        ('acme OR "acme phone"', 'acme OR "acme phone"'),
        ("acme AND (great OR bad) NOT giveaway", "acme (great OR bad) -giveaway"),
        ("#acme @acme $ACME from:acme lang:en", "#acme @acme $ACME from:acme lang:en"),
        ("acme is:repost -is:reply", "acme is:retweet -is:reply"),
        ("acme source:x", "acme"),
        ("acme -source:bluesky", "acme"),
        ("acme OR (globex source:bluesky)", "acme"),
        ("acme -(great OR bad)", "acme -(great OR bad)"),
    ],
)
def test_queries_in_xs_own_words(query: str, expected: str) -> None:
    assert rules(query) == [expected]


def test_options_are_part_of_the_rule() -> None:
    assert rules("acme", options="reposts: false") == ["acme has:images -is:retweet"]


def test_a_topic_of_other_platforms_needs_no_rule() -> None:
    assert rules("acme source:bluesky") == []


@pytest.mark.parametrize(
    "query", ["-acme", "lang:en", "acme OR lang:en", "source:x", "-acme is:reply"]
)
def test_what_x_can_not_look_up_is_refused_by_name(query: str) -> None:
    with pytest.raises(UsageError, match="'acme' can't be asked of X"):
        rules(query)


def test_long_queries_are_split_at_or_and_lose_nothing() -> None:
    words = [f"word{number}" for number in range(100)]
    query = f"acme ({' OR '.join(words)}) -giveaway"
    parts = rules(query, plan=Plan(rule_length=200))
    assert all(len(part) <= 200 for part in parts)
    whole = compile_test(parse(query))
    tests = [compile_test(parse(part)) for part in parts]
    for text in [*(f"acme {word}" for word in words), "acme", "word1", "acme word5 giveaway"]:
        features = Features(PostView(text))
        assert any(test(features) for test in tests) == whole(features)


def test_what_can_not_be_split_or_is_too_many_is_refused() -> None:
    long = " ".join(f"word{number}" for number in range(60))
    with pytest.raises(UsageError, match="no OR to split it at"):
        rules(long, plan=Plan(rule_length=100))
    with pytest.raises(UsageError, match=r"need 2 rules.* allows 1"):
        rules("acme OR globex", plan=Plan(rule_length=8, rules=1))


def test_rules_are_compared_by_tag_and_only_ours_are_removed() -> None:
    kept = Rule("acme", "ut:acme", "1")
    stale = Rule("old", "ut:acme", "2")
    theirs = Rule("cats", "someone else", "3")
    new = Rule("globex", "ut:globex")
    wanted = [Rule("acme", "ut:acme"), new]
    assert changes(wanted, [kept, stale, theirs]) == Changes((new,), (stale,))
    assert changes(wanted, [kept, Rule("globex", "ut:globex", "4")]) == Changes((), ())
