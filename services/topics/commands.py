"""What `undertone topics check` and `undertone topics test` do."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.topics.file import load_topics
from services.topics.matcher import Topic, anchors, explain
from services.topics.words import PostView

SHOWN: int = 20
"""Topics that do not match are shown where the file has no more than this."""


def topics_check(path: Path, console: Console) -> None:
    """Print the topics of a file. `UsageError` lists its mistakes."""
    topics = load_topics(path)
    table = Table("topic", "query", "takes")
    for topic in topics:
        table.add_row(Text(topic.name), Text(topic.query), _takes(topic))
    console.print(table)
    console.print(f"{path}: {_count(len(topics))}, all valid.", markup=False, soft_wrap=True)
    if slow := [topic.name for topic in topics if anchors(topic.tree) is None]:
        console.print(
            f"Asked of every post, since no word, #, @, $ or from: is required: {', '.join(slow)}",
            markup=False,
        )


def topics_test(path: Path, view: PostView, console: Console) -> None:
    """Print which topics of a file take this post, and which of their terms it has."""
    topics = load_topics(path)
    matching = set(topics.match(view))
    table = Table("topic", "matches", "the post has", "and has not")
    for topic in sorted(topics, key=lambda topic: topic.name not in matching):
        if topic.name in matching or len(topics) <= SHOWN:
            terms = explain(topic, view)
            table.add_row(
                Text(topic.name),
                "yes" if topic.name in matching else "no",
                Text(", ".join(term for term, true in terms if true)),
                Text(", ".join(term for term, true in terms if not true)),
            )
    console.print(table)
    console.print(f"{len(matching)} of {_count(len(topics))} match.")


def _takes(topic: Topic) -> str:
    posts = "all posts" if topic.text_only else "posts with a picture"
    return posts if topic.reposts else f"{posts}, no reposts"


def _count(number: int) -> str:
    return f"{number} topic{'' if number == 1 else 's'}"
