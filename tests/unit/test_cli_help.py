"""`--help` teaches: every option says what it is, and every example can be typed as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from services.cli.app import app

ROOT = Path(__file__).parents[2]


def commands(command: Any, path: str = "undertone") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


ALL = dict(commands(get_command(app)))


@pytest.mark.parametrize("path", ALL)
def test_every_command_and_option_says_what_it_is(path: str) -> None:
    command = ALL[path]
    assert command.help or path == "undertone"
    for parameter in command.params:
        assert parameter.help, f"{path} {parameter.name}"


def examples() -> list[str]:
    """What help texts and the README tell a reader to type, one command each."""
    texts = [command.epilog for command in ALL.values() if command.epilog]
    texts += re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(), re.S | re.M)
    text = "\n".join(texts).replace("\\\n", " ")
    found = re.findall(r"(?<![\w./-])(?:\.venv/bin/)?(undertone (?:[^\n|&>#]|#\w)+)", text)
    return sorted({match.strip() for match in found})


@pytest.mark.parametrize("line", examples())
def test_examples_name_commands_and_options_that_exist(line: str) -> None:
    words = shlex.split(line)
    path = words.pop(0)
    while words and f"{path} {words[0]}" in ALL:
        path += f" {words.pop(0)}"
    assert not getattr(ALL[path], "commands", {}), f"{line}: {path} is not a whole command"
    known = {
        option
        for parameter in ALL[path].params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in words if word.startswith("--")} <= known, line


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert re.fullmatch(r"undertone \d+\.\d+\.\d+\n", told.output)
