"""Commands that show what came out: one pair's score, rolling sentiment, the audit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from services.cli.common import settings_of


def register(app: typer.Typer) -> None:
    app.command("score")(score)


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
    from services.pipeline import make_classifier
    from services.score_command import score_lines, score_pair

    if input and (text or image or explain):
        raise UsageError("--input takes the place of --text, --image and --explain")
    classifier = make_classifier(settings_of(context))
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
    if not Path(path).is_file():
        raise UsageError(f"there is no file {path}")
    with Path(path).open(encoding="utf-8") as source:
        yield source
