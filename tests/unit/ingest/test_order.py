"""Event-time order: straight through, chains, sorted runs; drawn from chance."""

from __future__ import annotations

import errno
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.draft import Draft, Gone
from services.ingest.order import Probe, Span, chains, keyed, merged, windowed
from services.ingest.runs import Run, Runs, no_space

TIMES = st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=60)


def items(times: list[int | None]) -> list[Draft | Gone]:
    return [
        Gone(str(n)) if ms is None else Draft(str(n), "x", ms, "") for n, ms in enumerate(times)
    ]


@given(TIMES, st.integers(1, 12))
def test_the_probe_foretells_the_window(times: list[int | None], window: int) -> None:
    found = list(keyed(items(times), 0))
    probe = Probe(window)
    foretold = all(probe.add(one[:3]) for one in found) and probe.end()
    through = list(windowed(found, window))
    assert foretold == (through == sorted(found, key=lambda one: one[:3]))
    assert sorted(one[2] for one in through) == list(range(len(times)))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=30))
def test_chains_hold_each_file_once_and_never_overlap(drawn: list[tuple[int, int]]) -> None:
    spans = [Span(n, first, first + length) for n, (first, length) in enumerate(drawn)]
    found = chains(spans)
    assert sorted(span.file for chain in found for span in chain) == list(range(len(spans)))
    for chain in found:
        pairs = pairwise(chain)
        assert all(one.last_ms < other.first_ms for one, other in pairs)
    busiest = max((sum(s.first_ms <= t <= s.last_ms for s in spans) for t in range(40)), default=0)
    assert len(found) == busiest


@settings(deadline=None, max_examples=50)
@given(st.lists(TIMES, max_size=4), st.integers(300, 4000), st.integers(2, 4))
def test_runs_hold_everything_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[int | None]],
    max_bytes: int,
    fan_in: int,
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    runs = Runs(folder, max_bytes, fan_in)
    everything = [one for file, times in enumerate(files) for one in keyed(items(times), file)]
    for one in everything:
        runs.add(one)
    names = runs.finish()
    assert len(names) <= fan_in
    found = list(merged([Run(folder / name).items() for name in names]))
    assert found == sorted(everything, key=lambda one: one[:3])
    if found:
        middle = found[len(found) // 2][:3]
        rest = list(merged([Run(folder / name).items(middle) for name in names]))
        assert rest == found[len(found) // 2 + 1 :]


def test_a_full_disk_says_what_to_do() -> None:
    error = no_space(OSError(errno.ENOSPC, "No space left on device"), Path("/data"))
    assert "no space left in /data" in str(error)
    assert "UNDERTONE_DATA_DIR" in str(error)
