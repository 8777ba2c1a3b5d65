"""What is decided of a record before the store sees it."""

from __future__ import annotations

import pytest

from services.aggregation.gather import Rules, entry, gather
from services.records import Deletion, End, Post, encode
from services.store.schema import DAY_MS, HOUR_MS
from services.store.store import IMAGE, LATE, NO_PANE, REPOST, TOO_LATE
from services.stream.port import Record
from tests.scores import START_MS, mark, records, scored

RULES = Rules()
HOUR, DAY = HOUR_MS, DAY_MS


def flags_of(*items: object) -> list[int]:
    (part,), dead = gather(records(items), {}, RULES)  # type: ignore[arg-type]
    assert not dead
    found = [(o, flags) for group in part.scored.values() for o, _, flags in group]
    return [flags & ~IMAGE for _, flags in sorted(found)]


def test_lateness_follows_the_markers_in_the_stream() -> None:
    #  post 5s   mark 10s   post 9s   post 10s
    #  in time              late      in time
    items = scored("1", 5_000), mark(10_000), scored("2", 9_000), scored("3", 10_000)
    assert flags_of(*items) == [0, LATE, 0]


def test_a_post_older_than_the_memory_of_ids_is_too_late() -> None:
    at = 30 * HOUR
    border = at - DAY
    items = mark(at), scored("1", border), scored("2", border - 1)
    first, second = flags_of(*items)
    assert first & LATE
    assert not first & TOO_LATE
    assert second == TOO_LATE


def test_a_late_post_makes_no_part_of_a_pane_that_is_gone() -> None:
    items = mark(12 * HOUR), scored("1", 5 * HOUR), scored("2", 7 * HOUR)
    old, recent = flags_of(*items)
    assert old == LATE | NO_PANE["10s"]
    assert recent == LATE


def test_live_allows_lateness_and_replays_none() -> None:
    live = [mark(60_000, namespace="live"), scored("1", 30_000, namespace="live")]
    assert flags_of(*live) == [0]
    assert flags_of(mark(60_000), scored("1", 30_000)) == [LATE]


def test_flags_of_the_post_itself() -> None:
    (part,), _ = gather(records([scored(kind="repost", has_image=False)]), {}, RULES)
    ((_, _, flags),) = part.scored["replay-1", "brand"]
    assert flags == REPOST


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "empty_record"),
        (b"{}", "not_ours"),
        (b"U\x7f\x90", "newer_version"),
        (encode(End("replay-1")), "unexpected_kind"),
        (encode(Post("x:1", "replay-1", "x", 1, 1, "", ("a",))), "unexpected_kind"),
        (encode(scored(namespace="a/b")), "bad_namespace"),
        (encode(scored(namespace="a*")), "bad_namespace"),
        (encode(scored(topic="")), "incomplete_record"),
        (encode(scored(label=3)), "bad_score"),
        (encode(scored(score=10_001)), "bad_score"),
        (encode(scored("1", -2 * START_MS)), "implausible_timestamp"),
    ],
)
def test_a_bad_record_is_a_dead_letter_and_its_batch_goes_on(value: bytes, reason: str) -> None:
    good = records([scored("1"), scored("2")])
    bad = Record("scores", 0, 1, None, value, 0)
    (part,), dead = gather([good[0], bad, good[1]], {}, RULES)
    assert [d.reason for d in dead] == [reason]
    assert len(part.scored["replay-1", "brand"]) == 2


def test_partitions_keep_marks_of_their_own() -> None:
    batch = records([mark(10_000), scored("1", 5_000)]) + records([scored("2", 5_000)], partition=1)
    parts, _ = gather(batch, {}, RULES)
    flags = [group[0][2] & LATE for part in parts for group in part.scored.values()]
    assert flags == [LATE, 0]


def test_gather_changes_nothing_it_was_given() -> None:
    known = {0: {}}
    gather(records([mark(10_000)]), known, RULES)
    assert known == {0: {}}


def test_deletions_are_set_aside() -> None:
    (part,), _ = gather(records([Deletion("x:1", "replay-1", 5)]), {}, RULES)
    assert [d.id for d in part.deletions] == ["x:1"]


def test_an_entry_carries_digests_not_ids() -> None:
    offset, post, created, label, score, flags, author = entry(7, scored(author="ann"), 3)
    assert (offset, created, label, score, flags) == (7, START_MS, 2, 5_000, 3)
    assert (len(post), len(author)) == (11, 11)
    assert entry(7, scored(), 0)[6] == ""
