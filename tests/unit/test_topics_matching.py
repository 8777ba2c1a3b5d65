"""Which posts a query takes, and which it leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records import QUOTE, REPLY, REPOST
from services.topics import PostView, Topic, Topics
from services.topics.folding import MAX_MARKS, _any_script, _spaced, fold, tokens
from services.topics.matcher import compile_test, explain
from services.topics.parser import parse
from services.topics.words import Features


def takes(query: str, text: str = "", **view: object) -> bool:
    topic = Topic("t", query, parse(query), text_only=True)
    post = PostView(text, **view)  # type: ignore[arg-type]
    indexed = Topics([topic]).match(post) == ("t",)
    assert indexed == compile_test(topic.whole())(Features(post)), "the index changes the answer"
    return indexed


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("acme", "I love ACME."),
        ("acme", "the acme's best"),
        ("acme", "so #acme it hurts, @acme"),
        ("acme", "Acme™ and Acme®"),
        ("acme", "ａｃｍｅ fullwidth"),
        ("acme", "http://t.co/x acme"),
        ("strasse", "In der STRAßE"),
        ("café", "CAFE\u0301 time"),
        ("Ἀθῆναι", "ἈΘΗ͂ΝΑΙ"),
        ("हिन्दी", "यह हिन्दी है"),
        ('"coca cola"', "I like coca-cola"),
        ('"coca-cola"', "I like Coca-Cola!"),
        ('"don\'t buy"', "Don’t  buy it"),
        ('"c++"', "C++ is fine"),
        ("#Acme", "yes #ACME!"),
        ("#東京", "見て #東京 です"),
        ("#2024election", "#2024Election"),
        ("@acme", "thanks @Acme!"),
        ("@acme", "cc @acme.bsky.social"),
        ("@acme@example.social", "hey @acme@example.social, hi"),
        ("@acme", "さん@acmeの"),
        ("$ACME", "long $acme today"),
        ("東京", "今日は東京都に"),
        ("ไทย", "ประเทศไทยสวย"),
        ("iphone", "新しいiPhone発売"),
        ("👍", "great 👍🏽"),
        ("👩‍🚀", "an 👩‍🚀!"),
        ("❤️", "I ❤ it"),
        ("🇩🇪", "🇫🇷🇩🇪"),
        ("삼성", "삼성 좋아"),
        ("a OR b c", "a"),
        ("a OR b c", "c b"),
        ("(a OR b) c", "b c"),
        ("a AND b", "b a"),
        ("a -b", "a"),
        ("a NOT b", "a"),
        ("-b", "anything"),
        ("-(a OR b)", "c"),
        ("--a", "a"),
    ],
)
def test_takes(query: str, text: str) -> None:
    assert takes(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("acme", "acmefan, #acmefan, @acmefan, macme"),
        ("acme", "see https://t.co/acme and https://acme.com/acme"),
        ("acme", "pa\u0301acme"),
        ("cafe", "café"),
        ('"coca-cola"', "I like coca cola"),
        ('"c++"', "c is fine"),
        ('"cola light"', "light cola"),
        ('"ola light"', "cola light"),
        ("#acme", "acme #acmefan word#acme &#acme;"),
        ("#acme", "# acme"),
        ("@acme", "bob@acme.com acme"),
        ("@acme.bsky.social", "@acme"),
        ("$acme", "US$acme acme"),
        ("東京", "東 京、東。京"),
        ("हिन", "हिन्दी"),
        ("🇷🇩", "🇫🇷🇩🇪"),
        ("(a OR b) c", "a b"),
        ("a -b", "a b"),
        ("a -(b c)", "a c b"),
        ("-b", "b"),
    ],
)
def test_leaves(query: str, text: str) -> None:
    assert not takes(query, text)


def test_operators_ask_the_post_not_its_text() -> None:
    assert takes("from:acme", author="42", author_name="@Acme")
    assert takes("from:42", author="42", author_name="Acme")
    assert not takes("from:acme", "from acme", author="acmefan")
    assert takes("lang:en", lang="en-US")
    assert takes("lang:pt-br", lang="pt_BR")
    assert not takes("lang:en", lang="")
    assert takes("source:x", platform="x")
    assert takes("source:Twitter", platform="x")
    assert not takes("source:bluesky", platform="mastodon")
    assert takes("is:retweet", kind=REPOST)
    assert takes("is:repost", kind=REPOST)
    assert takes("is:reply -is:quote", kind=REPLY)
    assert takes("-is:repost", kind=QUOTE)
    assert takes("has:images", has_images=True)
    assert not takes("has:images")
    assert takes("has:links", "see HTTPS://t.co/x")
    assert takes("has:hashtags has:mentions has:cashtags", "#a @b $c")
    assert not takes("has:hashtags OR has:mentions OR has:cashtags", "50% of $5 @ 3:15 # 1")


def test_pictures_are_asked_for_unless_the_topic_says_otherwise() -> None:
    tree = parse("acme")
    topics = Topics(
        [
            Topic("pictures", "acme", tree),
            Topic("words", "acme", tree, text_only=True),
            Topic("own", "acme", tree, text_only=True, reposts=False),
        ]
    )
    assert topics.match(PostView("acme")) == ("words", "own")
    assert topics.match(PostView("acme", has_images=True)) == ("pictures", "words", "own")
    assert topics.match(PostView("acme", has_images=True, kind=REPOST)) == ("pictures", "words")


def test_topics_come_in_the_order_of_the_file() -> None:
    queries = ["zeta", "alpha", "-nothing", "zeta OR alpha"]
    topics = Topics(Topic(q, q, parse(q), text_only=True) for q in queries)
    assert topics.match(PostView("alpha zeta")) == tuple(queries)
    assert Topics([]).match(PostView("alpha")) == ()


def test_explain_names_each_term_once() -> None:
    query = 'acme OR "rocket boots" -(acme jobs)'
    topic = Topic("t", query, parse(query))
    assert explain(topic, PostView("acme")) == [
        ("acme", True),
        ('"rocket boots"', False),
        ("jobs", False),
        ("(has a picture)", False),
    ]


words = st.sampled_from(
    ["a", "b", "c", "d", "#a", "@b", "$c", '"a b"', "東京", "is:reply", "lang:en"]
)
queries = st.recursive(
    words,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" ".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} OR {two[1]})"),
        inner.map(lambda one: f"-({one})"),
    ),
    max_leaves=8,
)
texts = st.lists(st.sampled_from(["a", "b", "c", "e", "#a", "@b", "$c", "東京", "東", "!"])).map(
    " ".join
)


@given(queries, texts, st.sampled_from(["", "en"]))
def test_the_index_never_changes_the_answer(query: str, text: str, lang: str) -> None:
    takes(query, text, lang=lang)


@given(st.text())
def test_any_text_has_features_and_folding_is_stable(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded or fold(fold(folded)) == fold(folded)
    assert all(tokens(folded))
    Features(PostView(text))


@given(st.text(st.sampled_from("ab1_ -'é“”…😀👍🏽🇩🇪Жß€#@")))
def test_the_quick_way_cuts_as_the_thorough_one_does(text: str) -> None:
    folded = fold(text)
    assert _spaced().findall(folded) == _any_script()[0].findall(folded)


@pytest.mark.parametrize("marks", ["\u0301\u0323\u0327\u0334", "\uff9e\u0301\u0323"])
def test_a_heap_of_marks_costs_no_time(marks: str) -> None:
    """Halfwidth sound marks are letters until they are normalised."""
    assert len(fold("a" + marks * 25_000)) <= MAX_MARKS + 1


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12))
def test_a_word_is_found_where_it_stands_alone(word: str) -> None:
    if "".join(tokens(fold(word))) == fold(word):
        assert takes(f'"{word}"', f"- {word} -")
