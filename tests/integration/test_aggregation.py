"""The aggregation stage on a real Valkey: lateness, deletions, windows, restarts, restores."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from services.aggregation.audit import audit
from services.aggregation.rebuild import rebuild
from services.aggregation.stage import AggregationStage, Options
from services.errors import Rewound, Unavailable, UsageError
from services.records import AnyRecord, Deletion
from services.store import Reader, Store
from services.store.reader import LIVE, Sums
from services.store.schema import DAY_MS, HOUR_MS, window_end
from services.stream.memory import MemoryStreams
from services.stream.worker import Limits, Worker
from tests.scores import NAMES, SCORES, START_MS, everything, mark, post, scored, send, streams
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration
NS = "replay-1"


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    opened = valkey.open()
    yield opened
    opened.close()


class Bench:
    """A stage on streams of its own, fed batch by batch."""

    def __init__(
        self,
        store: Store,
        of: MemoryStreams | None = None,
        *,
        now_ms: int = START_MS,
        **options: int,
    ) -> None:
        self.now_ms = now_ms
        self.monotonic_ms = 0
        self.streams = of or streams()
        self.store = store
        self.stage = AggregationStage(
            store,
            self.streams,
            Options(SCORES, **options),
            clock_ms=lambda: self.now_ms,
            monotonic_ms=lambda: self.monotonic_ms,
        )
        partitions = list(range(self.streams.partitions(SCORES)))
        self.at = dict(self.stage.assigned(partitions))

    def feed(self, *items: AnyRecord) -> None:
        """Send to the stream, then count whatever is there."""
        send(self.streams, items)
        self.drain()

    def drain(self, size: int = 1_000) -> None:
        for partition in sorted(self.at):
            batch = everything(self.streams, partition)[self.at[partition] :]
            for first in range(0, len(batch), size):
                part = batch[first : first + size]
                self.stage.submit(part).result()
                self.at[partition] = part[-1].offset + 1

    def flush(self) -> None:
        self.stage.flush(self.at)

    def assert_audited(self) -> None:
        result = audit(self.streams, self.store, NAMES)
        assert result.differences == []
        assert result.lag == 0


def total(store: Store, topic: str = "brand", namespace: str = NS) -> Sums:
    return Reader(store).totals(namespace, topic).sums


# -- lateness ---------------------------------------------------------------------


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


# -- repetition --------------------------------------------------------------------


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


# -- deletions ----------------------------------------------------------------------


def words(store: Store) -> str:
    kinds = (b":top:", b":sample:", b":rolling")
    keys = [key for key in store.client.scan("ut:*") if any(kind in key for kind in kinds)]
    return str([store.client.call("HGETALL", key) for key in keys])


def test_a_deleted_post_leaves_no_words_and_stays_counted(store: Store) -> None:
    bench = Bench(store)
    bench.feed(
        scored("1", 1_000, text="a secret"),
        scored("1", 1_000, topic="other", text="a secret"),
        scored("2", 2_000, text="public"),
    )
    bench.stage.settle()
    assert "a secret" in words(store)
    bench.feed(Deletion("x:1", NS, START_MS + 9_000))
    bench.stage.settle()
    assert "a secret" not in words(store)
    assert "x:1" not in words(store)
    assert "public" in words(store)
    assert total(store).count == 2
    assert Reader(store).deleted(NS) == 1
    assert Reader(store).totals(NS, "brand").deleted == 1
    bench.flush()
    bench.assert_audited()


def test_a_deletion_before_its_post_keeps_the_words_out(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("0", 5_000), Deletion("x:1", NS, START_MS + 1_000))
    bench.feed(scored("1", 2_000, text="a secret"))
    bench.stage.settle()
    assert "a secret" not in words(store)
    assert total(store).count == 2


def test_a_deletion_is_counted_once_over_all_partitions(store: Store) -> None:
    bench = Bench(store, streams(3))
    bench.feed(*[Deletion(f"x:{n}", NS, START_MS) for n in (1, 2, 1)])
    assert Reader(store).deleted(NS) == 2
    bench.flush()
    bench.assert_audited()


# -- windows -------------------------------------------------------------------------


def naive_window(
    posts: Sequence[tuple[int, int, int]], start_ms: int, end_ms: int
) -> tuple[int, int, int]:
    """(count, positive, sum of scores) in [start, end)."""
    inside = [(label, score) for at, label, score in posts if start_ms <= at < end_ms]
    return len(inside), sum(label == 2 for label, _ in inside), sum(score for _, score in inside)


@pytest.mark.parametrize("seed", range(4))
def test_windows_are_the_sums_of_what_lies_in_them(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    spread = rng.choice([600_000, 7_200_000, 30 * HOUR_MS])
    posts = [
        (START_MS + rng.randrange(spread), rng.randrange(3), rng.randint(-9_999, 9_999))
        for _ in range(400)
    ]
    bench = Bench(store)
    bench.feed(
        *(
            scored(str(n), at - START_MS, label=label, score=score, author=f"a{n % 40}")
            for n, (at, label, score) in enumerate(posts)
        )
    )
    newest = max(at for at, _, _ in posts)
    for now in (newest, newest + rng.randrange(20_000_000), START_MS + spread // 2):
        rolling = Reader(store).rolling(NS, "brand", now)
        assert rolling is not None
        for name, window in rolling.windows.items():
            expected = naive_window(posts, window["start_ms"], window["end_ms"])
            assert (window["count"], window["positive"], window["sum"]) == expected, name
            width = 60_000 if name == "24h" else 10_000
            assert now < window["end_ms"] <= now + width
            assert window["authors"] <= max(window["count"], 0)


def test_a_replays_window_ends_at_its_newest_post_and_a_live_one_now(store: Store) -> None:
    bench = Bench(store, now_ms=START_MS + 500_000)
    bench.feed(scored("1", 7_000), scored("1", 7_000, namespace=LIVE))
    bench.stage.settle()
    reader = Reader(store)
    replay, live = reader.rolling(NS, "brand"), reader.rolling(LIVE, "brand")
    assert replay is not None
    assert live is not None
    assert replay.end_ms == window_end(START_MS + 7_000)
    assert live.end_ms == window_end(START_MS + 500_000)
    assert (live.windows["5m"]["count"], live.windows["15m"]["count"]) == (0, 1)


def test_ticks_write_windows_topics_and_watermarks(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("1", 7_000), mark(9_000, ended=True))
    bench.stage.tick()
    reader = Reader(store)
    assert reader.watermark(NS).ms == START_MS + 9_000
    assert reader.watermark(NS).ended
    assert reader.topics(NS) == ["brand"]
    rolling = reader.rolling(NS, "brand")
    assert rolling is not None
    (best,) = rolling.top["1m"]
    assert best["text"] == "words"
    assert store.workers()
    bench.stage.close()
    assert not store.workers()


def test_the_posts_that_weigh_most_do_not_depend_on_the_order(store: Store) -> None:
    posts = [scored(str(n), n * 1_000, score=(n * 7919) % 10_000, topic="a") for n in range(50)]
    bench = Bench(store)
    bench.feed(*posts)
    send(bench.streams, [scored(p.id[2:], p.created_at_ms - START_MS, score=p.score, topic="b")
                         for p in reversed(posts)])  # fmt: skip
    bench.drain(size=7)
    a, b = (Reader(store).top_posts(NS, t, START_MS, START_MS + HOUR_MS) for t in ("a", "b"))
    assert a == b
    best = sorted((p.score for p in posts), reverse=True)[:5]
    assert [p["score"] for p in a] == best


# -- behind a worker, on servers that die ----------------------------------------------


def worker(store: Store, of: MemoryStreams) -> Worker:
    stage = AggregationStage(store, of, Options(SCORES))
    limits = Limits(batch_size=40, commit_interval_s=0.0)
    return Worker(stage, of, group="agg", dead_letters="dead-letters", limits=limits)


def step_until_done(driven: Worker, of: MemoryStreams, posts: int, store: Store) -> None:
    for _ in range(5_000):
        driven.step(0.01)
        held = store.progress(SCORES, of.epoch(SCORES), [0])
        if 0 in held and held[0].position == of.ends(SCORES)[0]:
            return
    raise AssertionError("the worker does not come to its end")


@pytest.fixture
def own() -> Iterator[ValkeyServer]:
    """A server that may be killed."""
    server = ValkeyServer().start()
    yield server
    server.stop()


def test_a_store_killed_while_counting_loses_and_doubles_nothing(own: ValkeyServer) -> None:
    made, store = streams(1), own.open()
    send(made, [scored(str(n), n * 500, topic=f"t{n % 5}") for n in range(1_000)])
    driven = worker(store, made)
    for round_ in range(3):
        for _ in range(5):
            driven.step(0.01)
        own.kill()
        for _ in range(3):
            driven.step(0.0)
        assert not driven.health()["healthy"], round_
        own.start()
    step_until_done(driven, made, 1_000, store)
    result = audit(made, store, NAMES)
    assert result.differences == []
    assert sum(total(store, f"t{n}").count for n in range(5)) == 1_000
    driven.close()
    store.close()


def test_a_store_restored_from_an_older_copy_replays_what_it_lacks(own: ValkeyServer) -> None:
    made, store = streams(1), own.open()
    driven = worker(store, made)
    for chunk in range(4):
        send(
            made,
            [scored(f"{chunk} {n}", chunk * 60_000 + n, topic=f"t{n % 5}") for n in range(300)],
        )
        send(made, [mark(chunk * 60_000)])
        step_until_done(driven, made, 0, store)
        if chunk == 1:
            copy = own.save_copy()
    own.restore(copy)
    send(made, [scored(f"last {n}", 300_000 + n, topic=f"t{n % 5}") for n in range(300)])
    step_until_done(driven, made, 0, store)
    result = audit(made, store, NAMES)
    assert result.differences == []
    assert sum(total(store, f"t{n}").count for n in range(5)) == 1_500
    driven.close()
    store.close()


def test_an_emptied_store_counts_from_the_beginning(own: ValkeyServer) -> None:
    made, store = streams(1), own.open()
    empty = own.save_copy()
    driven = worker(store, made)
    send(made, [scored(str(n), n) for n in range(200)])
    step_until_done(driven, made, 0, store)
    own.restore(empty)
    send(made, [scored("more", 5)])
    step_until_done(driven, made, 0, store)
    assert total(store).count == 201
    driven.close()
    store.close()


def test_a_lost_store_is_unavailable_not_a_crash(own: ValkeyServer) -> None:
    store = own.open()
    bench = Bench(store)
    own.kill()
    send(bench.streams, [scored("1")])
    with pytest.raises(Unavailable):
        bench.stage.submit(everything(bench.streams, 0)).result()
    with pytest.raises(Unavailable):
        bench.flush()
    bench.stage.close()
    store.close()


# -- the audit itself -------------------------------------------------------------------


def lineage(of: MemoryStreams, *numbers: str) -> None:
    from services.records import encode
    from services.stream.port import Output

    producer = of.producer()
    for number in numbers:
        producer.send(Output(NAMES.posts, number.encode(), encode(post(number, ["brand"]))))
    producer.flush(1.0)


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("totals", "sum", "9"),
        ("totals", "late", "1"),
        ("totals", "last_post", "5"),
        (f"10s:{START_MS // 600_000}", "0", "0 0 2 10001 50000000 0 0 2"),
        (f"1h:{START_MS // 216_000_000}", str(START_MS // HOUR_MS % 60), "0 0 1 1 1 0 0 1"),
    ],
)
def test_the_audit_sees_one_wrong_number(store: Store, key: str, field: str, value: str) -> None:
    bench = Bench(store)
    bench.feed(scored("1"), scored("2"))
    bench.flush()
    bench.assert_audited()
    store.client.call("HSET", f"ut:{{{NS}/brand}}:{key}", field, value)
    result = audit(bench.streams, store, NAMES)
    assert not result.ok
    assert {d.topic for d in result.differences} == {"brand"}


def test_the_audit_sees_a_record_that_was_passed_over(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("1"))
    send(bench.streams, [scored("2")])
    bench.flush()
    assert audit(bench.streams, store, NAMES).lag == 1
    assert audit(bench.streams, store, NAMES).ok
    bench.stage.flush({0: 2})
    result = audit(bench.streams, store, NAMES)
    assert [d.what for d in result.differences] == ["scores 0/1 counted"]


def test_the_audit_sees_a_post_that_was_never_scored(store: Store) -> None:
    bench = Bench(store)
    lineage(bench.streams, "1", "2", "3", "4")
    bench.feed(scored("1", place=(0, 0)), scored("3", place=(0, 2)))
    bench.flush()
    result = audit(bench.streams, store, NAMES)
    assert [d.what for d in result.differences] == ["posts 0/1 scored"]
    assert result.unscored == 1
    assert result.posts == 4


def test_a_dead_lettered_post_is_not_lost(store: Store) -> None:
    from services.stream import dead_letters
    from services.stream.port import DeadLetter

    bench = Bench(store)
    lineage(bench.streams, "1", "2")
    (first, _) = bench.streams.read(NAMES.posts, 0, 0, 2)
    producer = bench.streams.producer()
    letter = DeadLetter(first, "bad", "no good")
    producer.send(dead_letters.encode(letter, NAMES.dead_letters, "inference"))
    bench.feed(scored("2", place=(0, 1)))
    bench.flush()
    bench.assert_audited()


def test_a_partition_that_is_not_ours_is_never_passed_over(store: Store) -> None:
    bench = Bench(store, streams(2))
    bench.stage.revoked([1])
    send(bench.streams, [scored(str(n), topic=f"t{n}") for n in range(20)])
    with pytest.raises(Rewound):
        bench.stage.submit(everything(bench.streams, 1)).result()


def test_a_rebuild_recreates_every_number(store: Store) -> None:
    made = streams(3)
    bench = Bench(store, made)
    for minute in range(30):
        bench.feed(
            *(scored(f"{minute} {n}", minute * 60_000 - n, topic=f"t{n % 4}") for n in range(9)),
            scored("again", 0, topic="t0"),
            mark(minute * 60_000),
        )
    bench.feed(Deletion("x:3 1", NS, START_MS), scored("1", namespace="other"))
    bench.flush()
    store.save_cursor(NS, "archive", b"here")
    before = figures(store)
    bench.stage.close()
    for namespace in (NS, None):
        store.client.call("HINCRBY", f"ut:{{{NS}/t0}}:totals", "sum", 3)
        assert figures(store) != before
        rebuild(made, store, Options(SCORES), namespace)
        assert figures(store) == before
        bench.assert_audited()
        assert store.load_cursor(NS, "archive") == b"here"
    again = Bench(store, made)
    assert again.at == dict(made.ends(SCORES))


def figures(store: Store) -> list[object]:
    reader = Reader(store)
    return [
        (n.name, topic, reader.totals(n.name, topic), reader.watermark(n.name),
         reader.series(n.name, topic, "10s", START_MS - HOUR_MS, START_MS + HOUR_MS),
         reader.top_posts(n.name, topic, START_MS - HOUR_MS, START_MS + HOUR_MS),
         reader.deleted(n.name))
        for n in reader.namespaces()
        for topic in reader.topics(n.name)
    ]  # fmt: skip


def test_a_rebuild_waits_for_no_one_to_be_at_work(store: Store) -> None:
    bench = Bench(store)
    bench.feed(scored("1"))
    bench.stage.tick()
    with pytest.raises(UsageError, match="at work"):
        rebuild(bench.streams, store, Options(SCORES))
    assert total(store).count == 1


def test_a_stream_without_its_beginning_is_not_recounted(store: Store) -> None:
    made = MemoryStreams(1, capacity=10**9, tail=5)
    made.create_streams({NAMES.posts: 1, SCORES: 1, NAMES.dead_letters: 1})
    send(made, [scored(str(n)) for n in range(20)])
    for attempt in (
        lambda: audit(made, store, NAMES),
        lambda: rebuild(made, store, Options(SCORES)),
    ):
        with pytest.raises(UsageError, match="no longer holds offsets 0 to 14"):
            attempt()
