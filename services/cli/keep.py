"""Commands that look after what the hops run on: topics, streams, dead letters, servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

topics = typer.Typer(no_args_is_help=True, help="Check a topics file, and try it on a text.")


def register(app: typer.Typer) -> None:
    app.add_typer(topics, name="topics")


@topics.command("check")
def topics_check(file: Annotated[Path, typer.Argument(help="The topics file (YAML).")]) -> None:
    """Say whether every query of FILE is valid, and where the mistakes are."""
    from services.topics import commands

    commands.topics_check(file, Console())


@topics.command("test")
def topics_test(
    file: Annotated[Path, typer.Argument(help="The topics file (YAML).")],
    text: Annotated[str, typer.Argument(help="What the post says.")],
    lang: Annotated[str, typer.Option(help="Its language (`lang:`).")] = "",
    author: Annotated[str, typer.Option(help="Its author's name (`from:`).")] = "",
    platform: Annotated[str, typer.Option(help="Where it is from (`source:`).")] = "",
    kind: Annotated[str, typer.Option(help="post, repost, reply or quote (`is:`).")] = "post",
    image: Annotated[bool, typer.Option(help="Whether it bears a picture.")] = True,
) -> None:
    """Show which topics of FILE take a post with this TEXT, and why."""
    from services.topics import commands
    from services.topics.words import PostView

    view = PostView(text, lang, platform, author, author, kind, image)
    commands.topics_test(file, view, Console())
