"""Processor time, of processes and what they started: what a busy machine can't blur."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Meter:
    """Of named processes, each with its children, between `start` and `stop`."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._began: dict[str, float] = {}
        self.spent_s: dict[str, float] = {}
        """By name, between the last start and the last stop."""

    def start(self) -> None:
        self._began = self._now()

    def stop(self) -> None:
        self.spent_s = {name: now - self._began[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        own = os.getpid()
        return {
            name: sum(_seconds(each) for each in ([pid] if pid == own else _family(pid)))
            for name, pid in self._pids.items()
        }


def _family(pid: int) -> list[int]:
    """The process and all below it; none where it has ended."""
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:  # the thread ended meanwhile
            continue
        found += [one for child in below for one in _family(int(child))]
    return found


def _seconds(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def rate(run: Callable[[], object], count: int, rounds: int) -> float:
    """Of `count` a run, the best of `rounds`, a second of this process: what others do on the
    machine does not count."""
    took = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        took.append(time.process_time() - start)
    return count / min(took)
