"""Every error that Undertone raises on purpose, and what the worker does with it.

    UndertoneError
    ├── BadRecord      one record is at fault: dead-lettered, the loop goes on
    ├── Unavailable    a neighbour is at fault: retried with backoff, worker unhealthy
    ├── Rewound        the store is behind the position we hold: seek to its position
    └── UsageError     the operator is at fault: one line, exit status 2

Anything else is our fault: the process ends before the commit.
"""

from __future__ import annotations


class UndertoneError(Exception):
    """The root of the tree."""


class BadRecord(UndertoneError):
    """A record that can never be processed. `reason` is a short, stable, countable code.

    The message says what was found; the reason groups such records in
    metrics and in `undertone dead-letters list`.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class Unavailable(UndertoneError):
    """A neighbour (Kafka, Triton, Redis) does not answer now; the same call may work later."""

    def __init__(self, neighbour: str, message: str) -> None:
        super().__init__(f"{neighbour}: {message}")
        self.neighbour = neighbour


class Rewound(UndertoneError):
    """The store's position is not the one we wrote: it was restored, or another worker moved it."""


class UsageError(UndertoneError):
    """What was asked for can't be done as asked. The message says what to change."""
