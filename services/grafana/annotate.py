"""Alerts as annotations: one region per alert, which grows and ends with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.grafana.client import Grafana

TAG: Final = "undertone"
"""Every mark of ours carries it; the dashboards show what does."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of event time with a text. `key` is the alert's: a second mark of the same key
    takes the place of the first. Times are milliseconds; `end_ms` is None while it lasts."""

    key: str
    namespace: str
    topic: str
    start_ms: int
    end_ms: int | None
    text: str
    """Shown in a tooltip. Grafana renders a part of HTML there and cleans it: escape words of
    strangers all the same."""
    severity: str = ""

    @property
    def tags(self) -> list[str]:
        """`undertone`, and what dashboards filter by."""
        found = [TAG, f"alert:{self.key}", f"namespace:{self.namespace}", f"topic:{self.topic}"]
        return [*found, f"severity:{self.severity}"] if self.severity else found


def annotate(grafana: Grafana, mark: Mark, *, replace: bool = True) -> bool:
    """Have exactly this mark in Grafana; whether anything had to be written. `replace=False`: one
    of its key that is there already is left as it is.

    Telling it twice is telling it once: the mark is found again by its tag. `Unavailable`
    where Grafana is away; `UsageError` where it refuses us.
    """
    found = grafana.marks([TAG, f"alert:{mark.key}"])
    if not found:
        grafana.add_mark(mark.start_ms, mark.end_ms, mark.tags, mark.text)
        return True
    if not replace:
        return False
    held = found[0]
    end_ms = mark.end_ms or mark.start_ms  # Grafana's own way to say that there is no end
    there = (held["time"], held.get("timeEnd") or held["time"], held["text"], sorted(held["tags"]))
    if there == (mark.start_ms, end_ms, mark.text, sorted(mark.tags)):
        return False
    grafana.change_mark(held["id"], mark.start_ms, mark.end_ms, mark.tags, mark.text)
    return True
