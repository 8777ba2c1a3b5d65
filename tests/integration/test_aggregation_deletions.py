"""A deleted post leaves no words behind, and stays counted."""

from __future__ import annotations

import pytest

from services.records import Deletion
from services.store import Reader, Store
from services.store.schema import DAY_MS
from tests.integration.aggregation_bench import NS, Bench, total
from tests.scores import START_MS, scored, streams

pytestmark = pytest.mark.integration


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


def test_a_post_deleted_again_on_another_day_is_counted_once(store: Store) -> None:
    """Itself first, then with its account."""
    bench = Bench(store, streams(2))
    bench.feed(*[Deletion("x:1", NS, START_MS + day * DAY_MS) for day in (0, 2, 1)])
    assert Reader(store).deleted(NS) == 1
    bench.assert_audited()


def test_a_post_of_a_thousand_topics_leaves_all_of_them(store: Store) -> None:
    bench = Bench(store)
    names = [f"topic {number}" for number in range(1_000)]
    bench.feed(*[scored("1", topic=name, text="a secret") for name in names])
    bench.feed(*[scored("1", topic=f"late {name}", text="a secret") for name in names])
    assert "a secret" in words(store)
    bench.feed(Deletion("x:1", NS, START_MS))
    bench.stage.settle()
    assert "a secret" not in words(store)
