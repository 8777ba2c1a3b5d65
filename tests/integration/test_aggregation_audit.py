"""The audit sees every wrong number and every post that is missing; a rebuild makes them right."""

from __future__ import annotations

import pytest

from services.aggregation.audit import audit
from services.aggregation.rebuild import rebuild
from services.aggregation.stage import Options
from services.errors import UsageError
from services.records import Deletion, encode
from services.store import Reader, Store
from services.store.schema import HOUR_MS
from services.stream import dead_letters
from services.stream.memory import MemoryStreams
from services.stream.port import DeadLetter, Output
from tests.integration.aggregation_bench import NS, Bench, total
from tests.scores import NAMES, SCORES, START_MS, mark, post, scored, send, streams

pytestmark = pytest.mark.integration


def lineage(of: MemoryStreams, *numbers: str) -> None:
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


def test_records_that_nobody_can_count_are_no_difference(store: Store) -> None:
    bench = Bench(store)
    bad = [scored("2", label=7), scored("3", namespace="a*"), scored("4", -2 * START_MS)]
    bench.feed(scored("1"), *bad, mark(10**13), mark(5_000))
    bench.flush()
    bench.assert_audited()
    assert total(store).count == 1
    assert Reader(store).watermark(NS).ms == START_MS + 5_000


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
    bench = Bench(store)
    lineage(bench.streams, "1", "2")
    (first, _) = bench.streams.read(NAMES.posts, 0, 0, 2)
    producer = bench.streams.producer()
    letter = DeadLetter(first, "bad", "no good")
    producer.send(dead_letters.encode(letter, NAMES.dead_letters, "inference"))
    bench.feed(scored("2", place=(0, 1)))
    bench.flush()
    bench.assert_audited()


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
