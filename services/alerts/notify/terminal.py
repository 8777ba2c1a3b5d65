"""The terminal of the hop: a few lines for each event, and for each that becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.text import Text

from services.alerts.notify.forms import byline, moment, printable, web
from services.alerts.notify.port import Message, TryLater

STYLES = {"info": "bold blue", "warning": "bold yellow", "critical": "bold red"}
INDENT = "  "
POSTS = 3


class Terminal:
    """Writes to a stream; strangers' words come without control characters. A line that is there
    twice after a crash harms nobody; one that is missing does."""

    name = "terminal"
    repeats_are_dropped = True
    resend_every_s = None

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False)

    def send(self, message: Message) -> None:
        try:
            for line in _lines(message):
                self._console.print(line, soft_wrap=True)
        except (OSError, ValueError) as error:  # a closed stream raises ValueError
            raise TryLater(self.name, f"can't be written to ({error})") from None

    def close(self) -> None:
        """The stream is not ours."""


def _lines(message: Message) -> Iterator[Text]:
    alert = message.event.alert
    style = "bold green" if alert.state == "resolved" else STYLES[alert.severity]
    yield Text(f"{moment(alert.changed_ms):%Y-%m-%d %H:%M} UTC  ", end="") + Text(
        printable(message.title), style
    )
    for paragraph in message.text.splitlines():
        yield Text(INDENT + printable(paragraph))
    for fact in message.facts:
        yield Text(f"{INDENT}{printable(fact.name)}: ", "dim") + Text(printable(fact.value))
    for post in message.posts[:POSTS]:
        yield Text(f"{INDENT}“{printable(post.text)}”")
        yield Text(f"{INDENT}  {printable(f'{byline(post)} {post.url}')}", "dim")
    if web(message.link):
        yield Text(INDENT + message.link, "underline")
