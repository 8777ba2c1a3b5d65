"""Stages for tests of the worker: they answer as told, and remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from services.errors import BadRecord
from services.stream.port import DeadLetter, Output, Record, Result


def echo(records: Sequence[Record]) -> Result:
    """Every record to its partition of `out`; those that start with `bad` are refused."""
    good = [r for r in records if not (r.value or b"").startswith(b"bad")]
    outputs = [Output("out", r.key, r.value, r.partition) for r in good]
    dead = [DeadLetter.of(r, BadRecord("bad", "it says so")) for r in records if r not in good]
    return Result(outputs, dead)


def done(result: Result) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_result(result)
    return future


def failed(error: BaseException) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_exception(error)
    return future


class FakeStage:
    """Synchronous: answers at once with what `work` makes of the batch."""

    name = "fake"
    max_in_flight = 1

    def __init__(self, work: Callable[[Sequence[Record]], Result] = echo) -> None:
        self.stream = "in"
        self.work = work
        self.calls: list[tuple[str, object]] = []
        self.starts: dict[int, int] = {}
        self.ticks: list[list[Output]] = []
        self.closed = False

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        self.calls.append(("submit", [(r.partition, r.offset) for r in records]))
        try:
            return done(self.work(records))
        except BaseException as error:
            return failed(error)

    def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:
        self.calls.append(("assigned", list(partitions)))
        return {p: o for p, o in self.starts.items() if p in partitions}

    def revoked(self, partitions: Sequence[int]) -> None:
        self.calls.append(("revoked", list(partitions)))

    def tick(self) -> Sequence[Output]:
        return self.ticks.pop(0) if self.ticks else []

    def flush(self, positions: Mapping[int, int]) -> None:
        self.calls.append(("flush", dict(positions)))

    def close(self) -> None:
        self.closed = True

    def of(self, what: str) -> list[object]:
        return [argument for name, argument in self.calls if name == what]


class SlowStage(FakeStage):
    """Several batches in flight; each future is finished by the test, in any order."""

    def __init__(self, in_flight: int = 3) -> None:
        super().__init__()
        self.max_in_flight = in_flight
        self.open: list[tuple[Sequence[Record], Future[Result]]] = []

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        self.calls.append(("submit", [(r.partition, r.offset) for r in records]))
        future: Future[Result] = Future()
        self.open.append((records, future))
        return future

    def finish(self, index: int = 0) -> None:
        records, future = self.open.pop(index)
        if future.set_running_or_notify_cancel():
            future.set_result(echo(records))

    def fail(self, error: BaseException, index: int = 0) -> None:
        _, future = self.open.pop(index)
        if future.set_running_or_notify_cancel():
            future.set_exception(error)


class PoolStage(FakeStage):
    """Works in threads, as inference does."""

    def __init__(self, work: Callable[[Sequence[Record]], Result], in_flight: int = 2) -> None:
        super().__init__(work)
        self.max_in_flight = in_flight
        self._pool = ThreadPoolExecutor(in_flight)

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        self.calls.append(("submit", [(r.partition, r.offset) for r in records]))
        return self._pool.submit(self.work, records)

    def close(self) -> None:
        super().close()
        self._pool.shutdown(wait=False, cancel_futures=True)
