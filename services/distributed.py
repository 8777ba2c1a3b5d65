"""Feeding an archive to hops that run elsewhere, and waiting until they have counted it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from threading import Event, Thread

from services import pipeline
from services.ingest.worker import IngestWorker
from services.settings import Settings
from services.store.reader import Reader
from services.store.store import Store
from services.stream.port import Streams
from services.stream.worker import Worker

LOOK_S = 0.5
"""Between two looks at how far the others are."""


class Places:
    """How far the hops behind us are, by their places in the streams.

    A namespace's own word that it has ended would not do: a replay that is
    repeated into the same namespace has ended once already.
    """

    def __init__(self, settings: Settings, streams: Streams, store: Store) -> None:
        self._settings, self._streams, self._store = settings, streams, store
        self._names = pipeline.Names.of(settings)
        self._posts: Mapping[int, int] | None = None
        self._scores: Mapping[int, int] | None = None

    def counted(self, namespace: str) -> int:
        """Posts and topics counted so far."""
        reader = Reader(self._store)
        return sum(reader.totals(namespace, t).sums.count for t in reader.topics(namespace))

    def through(self) -> bool:
        """Whether all that was on the streams when first asked is scored and counted."""
        streams, names = self._streams, self._names
        if self._posts is None:
            self._posts = streams.ends(names.posts)
        if self._scores is None:
            group = pipeline.inference_group(self._settings)
            if not _reached(streams.committed(names.posts, group), self._posts):
                return False
            self._scores = streams.ends(names.scores)
        held = self._store.progress(names.scores, streams.epoch(names.scores), list(self._scores))
        return _reached({p: at.position for p, at in held.items()}, self._scores)

    def tapped(self, namespace: str) -> bool:
        """Whether the tap has read what was counted. Asked after `through`."""
        assert self._scores is not None
        group = pipeline.scores_group(self._settings, namespace)
        return _reached(self._streams.committed(self._names.scores, group), self._scores)


def _reached(done: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    return all(done.get(partition, 0) >= end for partition, end in ends.items())


class Distributed:
    """Feeds, then waits. Beside `services.embedded.Embedded`, the other way of running."""

    def __init__(
        self,
        feeder: IngestWorker,
        taps: Sequence[Worker],
        places: Places,
        moved: Callable[[], None],
        waiting: Callable[[int], None],
    ) -> None:
        """`moved` is called while feeding, `waiting` with what is counted while waiting."""
        self._feeder, self._taps, self._places = feeder, taps, places
        self._moved, self._waiting = moved, waiting

    def run(self, stop: Event) -> bool:
        """Whether everything was fed and counted (not stopped before)."""
        with ExitStack() as stack:
            reading = [stack.enter_context(closing(_Reading(tap))) for tap in self._taps]
            with closing(self._feeder):
                while not (self._feeder.done or stop.is_set()):
                    self._feeder.step(0.25)
                    self._moved()
            return self._wait(stop, reading)

    def _wait(self, stop: Event, reading: Sequence[_Reading]) -> bool:
        namespace = self._feeder.source.namespace
        while not stop.is_set():
            for tap in reading:
                tap.check()
            if self._places.through() and (not reading or self._places.tapped(namespace)):
                return True
            self._waiting(self._places.counted(namespace))
            stop.wait(LOOK_S)
        return False


class _Reading:
    """A tap in a thread of its own: a member of a Kafka group has to poll all the time."""

    def __init__(self, tap: Worker) -> None:
        self._tap, self._stop = tap, Event()
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="scores", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._tap.run(self._stop)
        except BaseException as error:
            self._failure = error

    def check(self) -> None:
        """Raise what ended it, if anything did."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
