"""How an archive will be replayed in event-time order: which files straight, which sorted.

Every file is read through once. As long as it is in order nothing is written;
the first post too late to be put right sends the whole file to be sorted on
disk, where only what the topics take is kept. The plan is saved beside the
runs, so that a replay that was broken off does not order anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import msgspec

from services.ingest.archive import STDIN, Archive
from services.ingest.draft import Item
from services.ingest.order import MAX_CHAINS, Keyed, Probe, Span, chains, keyed
from services.ingest.runs import Runs, no_space
from services.ingest.source import Counters

SLICE = 500
"""Items between two looks at the clock."""


class SpanRow(msgspec.Struct, frozen=True, array_like=True):
    file: int
    first_ms: int
    last_ms: int


class Plan(msgspec.Struct, frozen=True):
    """The result of ordering: files to be read straight through, and runs."""

    fingerprint: str
    chains: tuple[tuple[SpanRow, ...], ...]
    runs: tuple[str, ...]
    counters: Counters
    """What was counted of the files that were sorted; the others are counted as they are read."""


_NOTHING = Span(-1, 0, 0)
Take = Callable[[Item, Counters], Item | None]
"""What of an item is kept: counts it, matches it against the topics."""


class Planner:
    """Orders the files of one replay in `folder`."""

    def __init__(
        self, archives: Sequence[Archive], folder: Path, fingerprint: str, take: Take
    ) -> None:
        self._archives, self._folder = archives, folder
        self._fingerprint, self._take = fingerprint, take
        self._runs = Runs(folder)
        self._counters = Counters()
        self.at = 0
        """The file being read."""
        self.plan: Plan | None = None

    @property
    def _file(self) -> Path:
        return self._folder / "plan.json"

    def saved(self) -> Plan | None:
        """The plan of an earlier run of the same replay."""
        try:
            plan = msgspec.json.decode(self._file.read_bytes(), type=Plan)
        except (OSError, msgspec.MsgspecError):
            return None
        whole = all((self._folder / name).is_file() for name in plan.runs)
        return plan if plan.fingerprint == self._fingerprint and whole else None

    def steps(self) -> Iterator[None]:
        """Order everything, pausing now and then; `plan` is there at the end."""
        shutil.rmtree(self._folder, ignore_errors=True)
        spans: list[Span] = []
        for file in range(len(self._archives)):
            self.at = file
            span = yield from self._probe(file)
            if span is None:
                yield from self._sort(file)
            elif span is not _NOTHING:
                spans.append(span)
        found = chains(spans)
        for span in (span for chain in found[MAX_CHAINS:] for span in chain):
            self.at = span.file
            yield from self._sort(span.file)
        rows = tuple(
            tuple(SpanRow(s.file, s.first_ms, s.last_ms) for s in chain)
            for chain in found[:MAX_CHAINS]
        )
        runs = tuple(self._runs.finish())
        self.plan = Plan(self._fingerprint, rows, runs, self._counters)
        self._save(self.plan)

    def _keyed(self, file: int) -> Iterator[Keyed]:
        return keyed(self._archives[file].items(), file)

    def _probe(self, file: int) -> Generator[None, None, Span | None]:
        """The span of a file that is in order; None of one that is not, or can't be read twice."""
        if self._archives[file].path == STDIN:
            return None
        probe = Probe()
        for number, (time_ms, _, place, _) in enumerate(self._keyed(file)):
            if not probe.add((time_ms, file, place)):
                return None
            if number % SLICE == 0:
                yield
        if not probe.end():
            return None
        return Span(file, probe.first_ms or 0, probe.last_ms) if probe.seen else _NOTHING

    def _sort(self, file: int) -> Iterator[None]:
        for number, (time_ms, _, place, item) in enumerate(self._keyed(file)):
            kept = self._take(item, self._counters)
            if kept is not None:
                self._runs.add((time_ms, file, place, kept))
            if number % SLICE == 0:
                yield

    def _save(self, plan: Plan) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(msgspec.json.encode(plan))
        except OSError as error:
            raise no_space(error, self._folder) from error
