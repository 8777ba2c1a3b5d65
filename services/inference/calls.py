"""Requests under way, and their deadlines, which are kept here and not by gRPC.

A deadline that gRPC keeps cancels the request on the server, and a Triton that
is asked to cancel what it is just answering can die of it (its issues 7368 and
8034). So a late request is given up on this side alone: its future ends, and
its answer, should it come, is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Calls(Generic[T]):
    """Hands out futures that end by their deadline. Thread-safe."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._changed = threading.Condition()
        self._open: dict[Future[T], threading.Timer] = {}

    def begin(self, late: Callable[[], Exception]) -> Future[T]:
        """A future that fails with what `late` makes, unless it ends in time."""
        future: Future[T] = Future()
        timer = threading.Timer(self._deadline_s, lambda: fail(future, late()))
        timer.daemon = True
        with self._changed:
            self._open[future] = timer
        timer.start()
        return future

    def end(self, future: Future[T]) -> None:
        """The request itself is over, whatever became of it."""
        with self._changed:
            timer = self._open.pop(future, None)
            self._changed.notify_all()
        if timer is not None:
            timer.cancel()

    def drain(self, timeout_s: float) -> list[Future[T]]:
        """Wait until every request is over; return those that are not."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, timeout_s)
            return list(self._open)


def succeed(future: Future[T], result: T) -> None:
    """Unless it has ended already."""
    with suppress(InvalidStateError):
        future.set_result(result)


def fail(future: Future[T], error: Exception) -> None:
    """Unless it has ended already."""
    with suppress(InvalidStateError):
        future.set_exception(error)
