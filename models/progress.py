"""One line of progress on standard error: where, how far, how long yet."""

from __future__ import annotations

import sys
import time


class Progress:
    """A bar on a terminal, one line every 30 seconds elsewhere."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, max(1, total), 0
        self.began = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def step(self, **values: float) -> None:
        """One unit done; `values` are shown beside the bar."""
        self.done += 1
        now = time.monotonic()
        if self.done == self.total or now - self.shown > (0.2 if self.terminal else 30.0):
            self.shown = now
            self._show(now - self.began, values)

    def note(self, text: str) -> None:
        """A line that stays."""
        sys.stderr.write(f"{self.what}: {text}\n")

    def _show(self, elapsed: float, values: dict[str, float]) -> None:
        left = elapsed / self.done * (self.total - self.done)
        full = 24 * self.done // self.total
        bar = "#" * full + "." * (24 - full)
        extra = "".join(f"  {name} {value:.3f}" for name, value in values.items())
        end = "\n" if not self.terminal or self.done == self.total else "\r"
        line = f"{self.what} [{bar}] {self.done}/{self.total}  {left:.0f} s left{extra}"
        sys.stderr.write(line + end)
        sys.stderr.flush()
