"""Commands that show what came out: one pair's score, rolling sentiment."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from services.cli.common import SENTIMENT, Namespace, examples, pipeline, settings_of

ROLLING_EXAMPLES = examples(
    "undertone rolling --namespace demo --window 1h",
    "undertone rolling coffee --json | jq .topics.coffee.mean_score",
)
SCORE_EXAMPLES = examples(
    'undertone score --text "Best coffee in town" --image photo.jpg --explain out.png',
    "undertone score --input pairs.jsonl > scored.jsonl",
)


def register(app: typer.Typer) -> None:
    app.command("rolling", rich_help_panel=SENTIMENT, epilog=ROLLING_EXAMPLES)(rolling)
    app.command("score", rich_help_panel=SENTIMENT, epilog=SCORE_EXAMPLES)(score)


def rolling(
    context: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(help="One topic.", show_default="all topics")
    ] = None,
    window: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h or 24h.")] = "5m",
    namespace: Namespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="All figures, as JSON.")] = False,
) -> None:
    """Show the rolling sentiment of TOPIC, or of all topics.

    A live window ends now; a replay's ends at its newest post.
    """
    from services.aggregation.commands import rolling_command

    settings = settings_of(context)
    with closing(pipeline().make_store(settings)) as store:
        rolling_command(
            store,
            topic,
            window=window,
            namespace=namespace or settings.namespace,
            live=settings.namespace,
            as_json=as_json,
            clock_ms=pipeline().clock_ms,
            console=Console(),
        )


def score(
    context: typer.Context,
    text: Annotated[str | None, typer.Option(help="The words of the pair.")] = None,
    image: Annotated[Path | None, typer.Option(help="Its picture: JPEG, PNG, WebP, GIF.")] = None,
    explain: Annotated[
        Path | None, typer.Option(help="Draw what the networks looked at into this PNG.")
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(help="A file of pairs, JSON lines with `text` and `image`; `-`: stdin."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Score one pair of picture and words, or a file of them, and say what mattered."""
    from services.errors import UsageError
    from services.score_command import score_lines, score_pair

    if input and (text or image or explain):
        raise UsageError("--input takes the place of --text, --image and --explain")
    classifier = pipeline().make_classifier(settings_of(context))
    try:
        classifier.check()
        if input is None:
            score_pair(classifier, text, image, explain=explain, as_json=as_json)
            return
        with _lines(input) as source:
            folder = Path() if input == "-" else Path(input).parent
            failed = score_lines(classifier, source, folder)
    finally:
        classifier.close()
    raise typer.Exit(1 if failed else 0)


@contextmanager
def _lines(path: str) -> Iterator[TextIO]:
    from services.errors import UsageError

    if path == "-":
        yield sys.stdin
        return
    if not Path(path).exists() or Path(path).is_dir():
        raise UsageError(f"there is no file {path}")
    # A line that is no UTF-8 is answered as the others are, by its error.
    with Path(path).open(encoding="utf-8", errors="surrogateescape") as source:
        yield source
