"""Reading ahead from a live platform: one thread, one bounded buffer, sessions that end.

A platform's file says what a *session* is: connect, hand on what comes, and
return how many messages came and why it ended. Here is what they all share: the
next session after a pause that grows while nothing comes, a buffer that stops
the reading when it is full (TCP then holds the server back), and an end.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.ingest.gaps import Watch

STOP_S = 3.0
"""A worker has to stop within ten, flushing included."""
Message = tuple[bytes, int]
"""What came, and the position to go on from once it is through."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between sessions: doubling up to a limit, half to one and a half of it by chance."""

    first_s: float = 0.5
    most_s: float = 30.0

    def pause_s(self, failures: int, jitter: Callable[[], float] = random.random) -> float:
        """After so many sessions in a row that brought nothing."""
        if failures == 0:
            return 0.0
        return min(self.first_s * 2.0 ** min(failures - 1, 16), self.most_s) * (0.5 + jitter())


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session went. `wait_s` is what the platform asks for before the next."""

    received: int
    cause: str
    wait_s: float = 0.0


class Live:
    """Runs sessions one after the other in a thread of its own."""

    def __init__(
        self,
        watch: Watch,
        session: Callable[[], Ended],
        *,
        position: int = 0,
        backoff: Backoff | None = None,
        buffered: int = 50_000,
    ) -> None:
        """`position` is where reading begins, in the platform's own measure."""
        self.stopped = threading.Event()
        self._watch = watch
        self._session = session
        self._backoff = backoff or Backoff()
        self._room = buffered
        self._buffer: deque[Message] = deque()
        self._position = position
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=watch.source, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """The next messages, in their order; empty after `timeout_s` without any."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._failure, timeout_s)
            if self._failure is not None and not self._buffer:
                raise self._failure
            taken = [self._buffer.popleft() for _ in range(min(most, len(self._buffer)))]
            self._changed.notify_all()
        return taken

    def put(self, messages: Sequence[bytes], position: int) -> None:
        """Buffer what came, once there is room: until then the session reads nothing more.

        `position` holds once all of these are through; until the last of them the one before.
        """
        placed = [(message, self._position) for message in messages[:-1]]
        self._position = position
        with self._changed:
            self._changed.wait_for(lambda: len(self._buffer) < self._room or self.stopped.is_set())
            self._buffer.extend(placed)
            self._buffer.append((messages[-1], position))
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask the session to end; what is buffered and not taken comes again by the cursor."""
        self.stopped.set()
        with self._changed:
            self._changed.notify_all()

    def join(self, timeout_s: float = STOP_S) -> None:
        """Wait for the session's end; what is under way then is left to itself."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        failures = 0
        try:
            while not self.stopped.is_set():
                ended = self._session()
                if self.stopped.is_set():
                    return
                self._watch.disconnected(ended.cause)
                failures = 0 if ended.received else failures + 1
                self.stopped.wait(max(ended.wait_s, self._backoff.pause_s(failures)))
        except Exception as error:  # handed to the reader, which lets the process end
            with self._changed:
                self._failure = error
                self._changed.notify_all()
