"""Questions that come at the same time, asked together: one round trip answers them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

AT_ONCE: Final = 2
"""Batches under way: while one waits for the store, the other is worked on."""
MOST: Final = 16
"""Questions in a batch: none should wait for too many others."""


class Together(Generic[Q, A]):
    """Gathers questions while earlier ones are under way. Used on one event loop."""

    def __init__(
        self,
        run: Callable[..., Awaitable[Any]],
        answer: Callable[[Sequence[Q]], Sequence[A | Exception]],
    ) -> None:
        """`answer` is run by `run` (in a thread); it answers each question, or says what is wrong
        with it."""
        self._run, self._answer = run, answer
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """The answer to one question; raises what is wrong with it."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if len(self._under_way) < AT_ONCE:
            task = asyncio.create_task(self._work())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                answers = await self._run(self._answer, [question for question, _ in batch])
            except Exception as error:
                answers = [error] * len(batch)
            for (_, future), found in zip(batch, answers, strict=True):
                if future.done():
                    continue  # nobody waits any more
                if isinstance(found, Exception):
                    future.set_exception(found)
                else:
                    future.set_result(found)
