"""What a receiver of alerts is: somewhere that people are told, behind one call.

`send` returns once the receiver has the message, or raises

    TryLater    an `Unavailable`: nothing was taken; the same call may work, after `after_s`
    Uncertain   it was sent and no answer came: it may have arrived. Raised only where a
                repeat would be shown twice (`repeats_are_dropped` is false)
    Rejected    it will never be taken as things are; the message says what to change

Whoever calls keeps count of tries and waits between them; a receiver tries once. No error's
text holds a secret: a webhook's URL is one, and is named by its host alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.errors import Unavailable, UndertoneError
from services.store.alerts import AlertEvent


class TryLater(Unavailable):
    """The receiver does not take it now. `after_s`: it asked for that much patience, or 0."""

    def __init__(self, receiver: str, message: str, after_s: float = 0.0) -> None:
        super().__init__(receiver, message)
        self.after_s = after_s


class Uncertain(UndertoneError):
    """Sent, unanswered, and not to be sent again: it may have arrived."""

    def __init__(self, receiver: str, message: str) -> None:
        super().__init__(f"{receiver}: {message}")
        self.receiver = receiver


class Rejected(UndertoneError):
    """The receiver refuses the message, or our settings for it are wrong."""

    def __init__(self, receiver: str, message: str) -> None:
        super().__init__(f"{receiver}: {message}")
        self.receiver = receiver


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the facts: "Expected", "around 21 % (13 to 31 %)"."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ShownPost:
    """A post that weighs much, with its words as the store has them at this moment.

    `text` is plain, in one line and cut; `url` is the post's own page or empty; `score` is in
    -1..1, and `label` "negative", "neutral" or "positive".
    """

    id: str
    text: str
    author: str
    label: str
    score: float
    created_at_ms: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell, in plain words; each receiver brings it into its own form.

    `title` is one line that stands alone; `text` a paragraph: what happened, how bad, since
    when, why. `picture` is a JPEG (the heaviest post's picture under its heat map), or None,
    and `picture_alt` says what it shows. `link` is the moment on the dashboard, or empty.
    `brief`: a trial, which a receiver that keeps alerts open ends by itself within minutes.
    """

    event: AlertEvent
    title: str
    text: str
    facts: tuple[Fact, ...] = ()
    posts: tuple[ShownPost, ...] = ()
    picture: bytes | None = None
    picture_alt: str = ""
    link: str = ""
    brief: bool = False

    @property
    def key(self) -> str:
        """Idempotency key: the same for every try, another for every event."""
        return self.event.key


class Receiver(Protocol):
    """Somewhere that people are told. Called from one thread at a time."""

    @property
    def name(self) -> str:
        """What rules call it in `tell:` and metrics in their label: "slack", "email"."""

    @property
    def repeats_are_dropped(self) -> bool:
        """Whether sending one message twice shows it once, or does no harm. Of any other, what
        may have been told is not told again."""

    @property
    def resend_every_s(self) -> float | None:
        """It forgets an open alert that it hears no more of: send its latest event again so
        often. None: once is enough."""

    def send(self, message: Message) -> None:
        """Hand it over, within the receiver's time limit. See the module for what is raised."""

    def close(self) -> None:
        """Let go of connections. Never raises."""
