"""Commands that look after what the hops run on: topics, dead letters, servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.common import UPKEEP, Topics, examples, pipeline, settings_of

if TYPE_CHECKING:
    from services.stream.port import Streams

topics = typer.Typer(no_args_is_help=True, help="Check a topics file, and try it on a text.")

letters = typer.Typer(
    no_args_is_help=True, help="Records that could not be processed: look, mend, send back, drop."
)

TEST_EXAMPLES = examples(
    'undertone topics test topics.yaml "This espresso is wonderful #coffee"',
    'undertone topics test topics.yaml "Un café, por favor" --lang es --no-image',
)
LETTERS_EXAMPLES = examples(
    "undertone dead-letters replay --reason unscorable",
    "undertone dead-letters replay 0/17 0/18",
)

Ids = Annotated[list[str] | None, typer.Argument(help="Their ids, as `list` shows them.")]
Reason = Annotated[
    str | None, typer.Option(help="All of this reason; `list` counts them.", show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="All that wait.")]


def register(app: typer.Typer) -> None:
    app.command("check", rich_help_panel=UPKEEP)(check)
    app.add_typer(topics, name="topics", rich_help_panel=UPKEEP)
    app.add_typer(letters, name="dead-letters", rich_help_panel=UPKEEP)


def check(
    context: typer.Context,
    file: Topics = None,
    as_json: Annotated[bool, typer.Option("--json", help="All findings, as JSON.")] = False,
) -> None:
    """Say whether every server and file is there and right, and how to mend what is not."""
    from services.check import check_command

    settings = settings_of(context, topics_file=file)
    raise typer.Exit(check_command(settings, Console(), as_json=as_json))


@contextmanager
def _letters(context: typer.Context) -> Iterator[tuple[Streams, str]]:
    settings = settings_of(context)
    with closing(pipeline().make_streams(settings)) as found:
        yield found, pipeline().Names.of(settings).dead_letters


@letters.command("list")
def letters_list(
    context: typer.Context,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(help="How many, newest last.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line each.")] = False,
) -> None:
    """List what waits, and how many there are of each reason."""
    from services.stream import commands

    with _letters(context) as (found, stream):
        commands.list_letters(found, stream, Console(), reason=reason, limit=limit, as_json=as_json)


@letters.command("show")
def letters_show(
    context: typer.Context,
    letter: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="The original bytes alone.")] = False,
) -> None:
    """Show one whole: original record, reason, position."""
    from services.stream import commands

    with _letters(context) as (found, stream):
        if raw:
            sys.stdout.buffer.write(commands.raw_letter(found, stream, letter))
        else:
            commands.show_letter(found, stream, Console(), letter)


@letters.command("replay", epilog=LETTERS_EXAMPLES)
def letters_replay(
    context: typer.Context, ids: Ids = None, reason: Reason = None, everything: All = False
) -> None:
    """Send them back, byte for byte, to the streams they came from."""
    from services.stream import commands

    with _letters(context) as (found, stream):
        chosen = commands.choose(found, stream, ids or [], reason=reason, everything=everything)
        commands.replay_letters(found, stream, Console(), chosen)


@letters.command("drop")
def letters_drop(
    context: typer.Context, ids: Ids = None, reason: Reason = None, everything: All = False
) -> None:
    """Be done with them: they are not shown or sent back any more."""
    from services.stream import commands

    with _letters(context) as (found, stream):
        chosen = commands.choose(found, stream, ids or [], reason=reason, everything=everything)
        commands.drop_letters(found, stream, Console(), chosen)


@topics.command("check")
def topics_check(file: Annotated[Path, typer.Argument(help="The topics file (YAML).")]) -> None:
    """Say whether every query of FILE is valid, and where the mistakes are."""
    from services.topics import commands

    commands.topics_check(file, Console())


@topics.command("estimate")
def topics_estimate(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The topics file (YAML).")],
) -> None:
    """Ask X what the topics of FILE would bring and cost in a month. The question is free."""
    from services.ingest import x_commands

    x_commands.topics_estimate(settings_of(context), file, Console())


@topics.command("test", epilog=TEST_EXAMPLES)
def topics_test(
    file: Annotated[Path, typer.Argument(help="The topics file (YAML).")],
    text: Annotated[str, typer.Argument(help="What the post says.")],
    lang: Annotated[str, typer.Option(help="Its language, like en (`lang:`).")] = "",
    author: Annotated[str, typer.Option(help="Its author's name, without @ (`from:`).")] = "",
    platform: Annotated[str, typer.Option(help="x, bluesky or mastodon (`source:`).")] = "",
    kind: Annotated[str, typer.Option(help="post, repost, reply or quote (`is:`).")] = "post",
    image: Annotated[bool, typer.Option(help="Whether it bears a picture.")] = True,
) -> None:
    """Show which topics of FILE take a post with this TEXT, and why."""
    from services.topics import commands
    from services.topics.words import PostView

    view = PostView(text, lang, platform, author, author, kind, image)
    commands.topics_test(file, view, Console())
