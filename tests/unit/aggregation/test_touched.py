"""Expiries are set once, and what the watermark has passed is dropped."""

from __future__ import annotations

from services.aggregation.gather import entry
from services.aggregation.touched import Touched
from services.store.schema import DAY_MS, HOUR_MS
from services.store.store import LATE, NO_PANE, TOO_LATE
from tests.scores import START_MS, scored

NAME = ("replay-1", "brand")
KEPT = {"top:1m", "top:1h", "sample:1m", "sample:1h"}


def names(found: list[tuple[str, int]]) -> set[str]:
    return {suffix.rpartition(":")[0] for suffix, _ in found}


def test_a_key_gets_its_expiry_once() -> None:
    touched = Touched(DAY_MS)
    entries = [entry(0, scored("1", author="ann"), 0)]
    families = {"ids", "10s", "1m", "1h", "authors:10s", "authors:1m", "authors:1h"}
    assert names(touched.expiries(*NAME, entries)) == families | KEPT
    touched.note(*NAME, entries)
    assert not touched.expiries(*NAME, entries)
    touched.forget()
    assert touched.expiries(*NAME, entries)


def test_only_what_the_script_writes_is_expired() -> None:
    touched = Touched(DAY_MS)
    assert not touched.expiries(*NAME, [entry(0, scored(author="ann"), TOO_LATE)])
    late = touched.expiries(*NAME, [entry(0, scored(), LATE | NO_PANE["10s"])])
    assert names(late) == {"ids", "1m", "1h"} | KEPT


def test_ids_are_dropped_when_no_post_of_their_hour_is_taken_any_more() -> None:
    touched = Touched(DAY_MS)
    touched.note(*NAME, [entry(0, scored(), 0)])
    hour = START_MS // HOUR_MS
    ids = f"ut:{{replay-1/brand}}:ids:{hour}"
    assert ids not in set(touched.drop("replay-1", START_MS + HOUR_MS + DAY_MS - 1))
    assert ids in set(touched.drop("replay-1", START_MS + HOUR_MS + DAY_MS))
    assert ids not in set(touched.drop("replay-1", START_MS + HOUR_MS + 2 * DAY_MS))


def test_namespaces_are_apart() -> None:
    touched = Touched(DAY_MS)
    touched.note(*NAME, [entry(0, scored(), 0)])
    assert not set(touched.drop("other", START_MS + 9 * DAY_MS))


def test_a_post_without_an_author_sets_no_expiry_for_one() -> None:
    touched = Touched(DAY_MS)
    touched.note(*NAME, [entry(0, scored(), 0)])
    found = touched.expiries(*NAME, [entry(1, scored(author="ann"), 0)])
    assert names(found) == {"authors:10s", "authors:1m", "authors:1h"}
