"""The topics file: what is refused, where and why; edits while it is in use."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from services.errors import UsageError
from services.topics import PostView, TopicsFile, load_topics, parse_topics
from services.topics.commands import topics_check, topics_test
from services.topics.parser import parse
from services.topics.query import QueryError
from services.topics.rules import DEFAULT, Rule

ROOT = Path(__file__).parents[2]


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_topics(text, "topics.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("query", "column", "message"),
    [
        ("", 1, "expected a word, a phrase, an operator or '(', found the end of the query"),
        ("acme OR", 8, "found the end of the query"),
        ("acme OR OR boots", 9, "found 'OR'"),
        ("OR acme", 1, "found 'OR'"),
        ("acme -", 7, "found the end"),
        ("(a (b c)", 9, "expected ')' for the '(' in column 1"),
        ("a b) c", 4, "expected the end of the query, found ')'"),
        ("()", 2, "found ')'"),
        ('x "abc', 7, "for the '\"' in column 3"),
        ('x "..."', 4, "expected a word between the quotation marks"),
        ("x coca-cola", 7, "is quoted: \"coca-cola\"), found '-'"),
        ("foo_bar", 4, "found '_'"),
        ("a or b", 3, 'expected OR to join terms, or "or" for the word'),
        ("“acme”", 1, "a straight quotation mark"),
        ("form:acme", 1, "did you mean 'from:'?"),
        ("from:", 6, "expected a value after 'from:', found nothing"),
        ("has:image", 5, "did you mean 'images'?"),
        ("is:retweeted", 4, "did you mean 'retweet'?"),
        ("# acme", 2, "after '#', found nothing"),
        ("#a-b", 2, "found 'a-b'"),
        ("@a/b", 2, "a user name after '@'"),
        ("$5", 2, "one to six letters after '$', found '5'"),
        ('"near me"~5', 10, "found '~'"),
        ("(" * 60 + "a", 51, "at most 50 nested parentheses"),
        ("a " * 2100, 4097, "at most 4096 characters"),
    ],
)
def test_bad_queries_are_refused_with_the_place(query: str, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.column == column
    assert message in str(caught.value)


@given(st.text(st.sampled_from('ab#@$:-"() \\ORNTfromhasis東👍\u0301\0\ud800'), max_size=40))
def test_any_query_is_read_or_refused(query: str) -> None:
    column = 1
    try:
        parse(query)
    except QueryError as error:
        column = error.column
    assert 1 <= column <= len(query) + 1


def test_both_forms_and_options() -> None:
    topics = parse_topics(
        "topics:\n"
        "  acme: 'acme OR #acme'\n"
        "  rocket boots:\n    query: boots\n    text_only: true\n    reposts: false\n"
        "    alerts: [{kind: sentiment_drop}]\n"
        "  2024: 2024\n  on: on\n",
        "topics.yaml",
    )
    assert topics.names == ("acme", "rocket boots", "2024", "on")
    boots = topics.topics[1]
    assert (boots.text_only, boots.reposts) == (True, False)
    assert boots.alerts == (Rule("sentiment_drop", "sentiment_drop"),)
    assert topics.topics[0].alerts == DEFAULT
    assert (boots.line, topics.topics[2].query, topics.topics[3].query) == (3, "2024", "on")


def test_a_query_is_taken_as_it_is_written() -> None:
    topics = parse_topics("topics:\n  a: {query: 0x1F}\n  b: {query: 'no'}\n  c: {query: no}\n", "")
    assert [topic.query for topic in topics] == ["0x1F", "no", "no"]


def test_every_mistake_is_listed_with_file_line_topic_and_column() -> None:
    message = refused("topics:\n  acme: 'a OR'\n  boots: fine\n  socks: '(a'\n")
    assert message.splitlines() == [
        "topics.yaml:2: topic 'acme', column 5: expected a word, a phrase, an operator or '(', "
        "found the end of the query",
        "topics.yaml:4: topic 'socks', column 3: expected ')' for the '(' in column 1, "
        "found the end of the query",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected 'topics:'"),
        ("- a\n", "expected 'topics:'"),
        ("topics:\n", "expected a line 'name: query'"),
        ("topics: {}\n", "expected a line 'name: query'"),
        ("topic:\n  a: b\n", "line 1: expected 'topics', found 'topic'"),
        ("topics:\n  acme: #acme\n", "needs quotation marks for YAML: '#acme'"),
        (
            "topics:\n  acme: a\n  acme: b\n",
            "topics.yaml:3: topic 'acme': this name stands in line 2",
        ),
        ("topics:\n  a/b: a\n", "up to 64 letters"),
        ("topics:\n  a: [b]\n", "expected a query, or a mapping"),
        ("topics:\n  a: {text_only: true}\n", "it has no query"),
        ("topics:\n  a: {query: b, text_ony: true}\n", "unknown option 'text_ony'"),
        ("topics:\n  a: {query: b, reposts: 'no'}\n", "reposts is true or false"),
        ("topics:\n  a: {query: b, reposts: !!bool x}\n", "reposts is true or false"),
        ("topics:\n  a: {query: " + "9" * 5000 + "}\n", "at most 4096 characters"),
        ("topics:\n  a: {query: b, alerts: 5}\n", "alerts is a list of rules"),
        ("topics:\n  a: 'b -has:images'\n", "add text_only: true"),
        ("topics:\n  a: {query: 'b is:repost', reposts: false}\n", "leave out reposts"),
        ('topics:\n  a: "b" OR c\n', "topics.yaml:2: column 10: "),
        ("topics:\n  a: @b\n", "single quotation marks"),
        ("topics:\n a: b\n   c: d\n", "topics.yaml:3: column"),
        ("topics:\n  a: 'b\n", "topics.yaml:"),
        ("topics:\n  a: \x01\n", "not valid YAML"),
        ("topics: " + "[" * 5000, "nested too deeply"),
        ("topics:\n  ? [a]\n  : b\n", "line 2: a name is a single value"),
    ],
)
def test_bad_files_are_refused(text: str, message: str) -> None:
    assert message in refused(text)


def test_files_that_are_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no topics file"):
        load_topics(tmp_path / "topics.yaml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read"):
        load_topics(tmp_path / "binary")
    with pytest.raises(UsageError, match="can't be read"):
        load_topics(tmp_path)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def edit(path: Path, text: str) -> None:
    """As editors do: a new file moved into place."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_edits_are_picked_up_and_broken_ones_kept_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "topics.yaml", Clock()
    path.write_text("topics:\n  acme: acme\n")
    file = TopicsFile(path, clock)
    edit(path, "topics:\n  acme: acme\n  boots: boots\n")
    assert file.current().names == ("acme",), "looked at once a second at most"
    clock.now = 1.0
    with caplog.at_level(logging.WARNING):
        assert file.current().names == ("acme", "boots")
        assert "2 topics from now on" in caplog.text
        edit(path, "topics:\n  acme: 'a OR'\n")
        clock.now = 2.0
        assert file.current().names == ("acme", "boots")
        assert "column 5" in file.mistake
        assert "column 5" in caplog.text
        path.unlink()
        clock.now = 3.0
        assert file.current().names == ("acme", "boots")
        assert "there is no topics file" in file.mistake
        edit(path, "topics:\n  socks: socks\n")
        clock.now = 4.0
        assert file.current().names == ("socks",)
        assert not file.mistake


def test_commands_print_what_matches_and_why(tmp_path: Path) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(
        "topics:\n  acme: 'acme -[x]'\n".replace(" -[x]", " -jobs") + "  all: '-jobs'\n"
    )
    console = Console(record=True, width=120)
    topics_check(path, console)
    topics_test(path, PostView("Acme [bold]", has_images=True), console)
    topics_test(path, PostView("Acme jobs"), console)
    text = console.export_text()
    assert "topics.yaml: 2 topics, all valid." in text
    assert "Asked of every post" in text
    assert "2 of 2 topics match." in text
    assert "0 of 2 topics match." in text


def test_example_file_is_valid() -> None:
    assert len(load_topics(ROOT / "topics.example.yaml")) >= 3


def doubled(first: str, other: str) -> str:
    """A hundred million values in ten lines, by aliases of aliases."""
    lines = [f"  t0: {first.format('&b0 [x, x]')}"]
    for number in range(1, 28):
        twice = f"&b{number} [*b{number - 1}, *b{number - 1}]"
        lines.append(f"  t{number}: {other.format(twice)}")
    return "\n".join(["topics:", *lines])


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("{{query: {}}}", "{{query: {}}}"),
        ("{{query: a, text_only: {}}}", "{{query: a, text_only: {}}}"),
        ("{{query: a, alerts: {}}}", "{{query: a, alerts: {}}}"),
        ("{{? {} : a}}", "{{? {} : a}}"),
        ("{{query: a, alerts: [{{? {} : a}}]}}", "{{query: a, alerts: [{{? {} : a}}]}}"),
    ],
)
def test_aliases_of_aliases_are_never_spelt_out(first: str, other: str) -> None:
    assert len(refused(doubled(first, other))) < 10_000


def test_merged_keys_are_never_spelt_out() -> None:
    lines = ["topics:", "  t0: &b0 {query: a}"]
    lines += [f"  t{n}: &b{n} {{<<: [*b{n - 1}, *b{n - 1}]}}" for n in range(1, 28)]
    assert "<<: expected a single value" in refused("\n".join(lines))


def test_names_are_single_values() -> None:
    assert refused("topics:\n  a: b\n  ? [a, b]\n  : c").endswith(
        "line 3: a name is a single value"
    )
