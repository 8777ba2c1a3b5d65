"""What the aggregation stage counts, on a real Valkey: late, too late, repeated, moved."""

from __future__ import annotations

import pytest

from services.errors import Rewound
from services.records import Deletion
from services.store import Reader, Store
from services.store.schema import DAY_MS, HOUR_MS
from tests.integration.aggregation_bench import NS, Bench, total
from tests.scores import SCORES, START_MS, everything, mark, scored, send, streams

pytestmark = pytest.mark.integration


def test_a_late_post_lands_in_its_pane_and_is_counted_as_late(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("1", 5_000), mark(60_000), scored("2", 6_000))
    (pane,) = Reader(store).series(NS, "brand", "10s", START_MS, START_MS + HOUR_MS)
    assert (pane.sums.count, pane.sums.late) == (2, 1)
    assert total(store).late == 1
    bench.assert_audited()


def test_a_post_older_than_the_memory_is_refused_and_counted(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("1", 0), mark(DAY_MS + 1), scored("2", 1), scored("3", 0))
    totals = Reader(store).totals(NS, "brand")
    assert (totals.sums.count, totals.sums.late, totals.too_late) == (2, 1, 1)
    bench.assert_audited()


def test_a_repeated_post_stays_out_for_as_long_as_it_would_be_taken(store: Store) -> None:
    bench = Bench(store)
    bench.store.save_cursor(NS, "archive", b"0")
    for hour in range(30):
        at = hour * HOUR_MS
        bench.feed(scored(f"new {hour}", at), mark(at), scored("1", 0), scored("2", HOUR_MS))
        bench.flush()
        bench.store.save_cursor(NS, "archive", b"1")
    totals = Reader(store).totals(NS, "brand")
    assert totals.sums.count == 32
    assert totals.duplicates + totals.too_late == 58
    bench.assert_audited()


def test_what_is_past_its_use_is_dropped(store: Store) -> None:
    bench = Bench(store)
    for hour in range(40):
        at = hour * HOUR_MS
        bench.feed(*(scored(f"{hour} {n}", at + n * 60_000, author=f"{n}") for n in range(60)))
        bench.feed(mark(at + HOUR_MS - 1))
        store.save_cursor(NS, "archive", b"1")
        bench.flush()
    keys = [key.decode().split("}:")[1] for key in store.client.scan("ut:{replay-1/*")]
    assert sum(key.startswith("ids:") for key in keys) <= 26
    assert sum(key.startswith("10s:") for key in keys) <= 6 * 7 + 1
    assert sum(key.startswith("authors:1m:") for key in keys) <= 130
    bench.assert_audited()


def test_every_key_of_a_topic_expires_but_its_totals(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("1", 5_000, author="ann"), scored("2", HOUR_MS), mark(HOUR_MS))
    bench.stage.settle()
    lasting = {
        key.decode().split("}:")[1]
        for key in store.client.scan("ut:{replay-1/*")
        if store.client.call("PTTL", key) < 0
    }
    assert lasting == {"at", "totals", "authors"}


def test_a_replay_without_a_cursor_forgets_no_id(store: Store) -> None:
    # It may be killed before its first cursor, and then starts from its first post again.
    first = Bench(store)
    first.feed(scored("1", 0), mark(0), scored("2", 3 * DAY_MS), mark(3 * DAY_MS))
    first.flush()
    again = Bench(store)  # an embedded run's streams are new ones
    again.feed(scored("1", 0), mark(0), scored("2", 3 * DAY_MS), scored("3", 3 * DAY_MS))
    assert total(store).count == 3


def test_a_batch_may_be_submitted_again(store: Store) -> None:
    bench = Bench(store)
    send(bench.streams, [scored("1"), mark(60_000), scored("2"), Deletion("x:1", NS, START_MS)])
    batch = everything(bench.streams, 0)
    for _ in range(3):
        bench.stage.submit(batch).result()
    totals = Reader(store).totals(NS, "brand")
    assert (totals.sums.count, totals.duplicates, totals.sums.late) == (2, 0, 1)
    assert Reader(store).deleted(NS) == 1


def test_a_new_worker_goes_on_where_the_store_stands(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("1"), scored("2"))
    bench.flush()
    bench.feed(scored("3"))  # counted, its position not written: a crash
    again = Bench(store, bench.streams)
    assert again.at == {0: 2}
    again.drain()
    assert total(store).count == 3
    again.flush()
    again.assert_audited()


def test_marks_are_as_they_were_at_the_position(store: Store) -> None:
    bench = Bench(store)
    bench.feed(mark(10_000))
    bench.flush()
    bench.feed(scored("1", 15_000), mark(20_000))  # counted, not flushed
    again = Bench(store, bench.streams)
    again.feed(scored("2", 15_000))
    assert total(store).late == 1
    again.assert_audited()


def test_a_zombie_is_noticed_and_counts_nothing_twice(store: Store) -> None:
    zombie = Bench(store)
    zombie.feed(scored("1"))
    zombie.flush()
    heir = Bench(store, zombie.streams)
    heir.feed(scored("2"), scored("3"))
    heir.flush()
    zombie.drain()
    with pytest.raises(Rewound):
        zombie.flush()
    assert total(store).count == 3
    assert zombie.stage.assigned([0]) == {0: 3}
    heir.assert_audited()


def test_a_partition_that_is_not_ours_is_never_passed_over(store: Store) -> None:
    bench = Bench(store, streams(2))
    bench.stage.revoked([1])
    send(bench.streams, [scored(str(n), topic=f"t{n}") for n in range(20)])
    with pytest.raises(Rewound):
        bench.stage.submit(everything(bench.streams, 1)).result()


def test_more_partitions_move_a_topic_and_double_nothing(store: Store) -> None:
    made = streams(1)
    items = [scored(str(n), n * 1_000, topic=f"t{n % 7}") for n in range(100)]
    bench = Bench(store, made)
    bench.feed(*items)
    bench.flush()
    made.create_streams({SCORES: 4})
    again = Bench(store, made)
    assert again.at == {0: 100, 1: 0, 2: 0, 3: 0}
    again.feed(*items[50:], *(scored(f"n{n}", n, topic=f"t{n % 7}") for n in range(50)))
    again.flush()
    assert sum(total(store, f"t{n}").count for n in range(7)) == 150
    again.assert_audited()


def test_a_rescored_duplicate_on_another_partition_is_no_difference(store: Store) -> None:
    made = streams(1)
    Bench(store, made).feed(scored("1", score=5_000, topic="b"), scored("1", topic="c"))
    made.create_streams({SCORES: 4})
    bench = Bench(store, made)
    bench.feed(scored("1", score=5_001, topic="b"), scored("1", score=4_999, topic="c"))
    bench.flush()
    bench.assert_audited()
