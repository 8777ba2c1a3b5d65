"""Posts that are kept whole, on a real Valkey: samples, single posts, authors, deletions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.attention import SIZE
from services.records import AnyRecord, Deletion, Scored
from services.store import Reader, Store, schema
from services.store.posts import KeptPost, document
from services.store.schema import DAY_MS, HOUR_MS, MINUTE_MS
from tests.integration.aggregation_bench import NS, Bench
from tests.scores import START_MS, mark, scored
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration
STOP_MS = START_MS + HOUR_MS
_number = count()


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    opened = valkey.open()
    yield opened
    opened.close()


def posts(many: int, step_ms: int, **fields: str) -> list[Scored]:
    return [scored(str(n), n * step_ms, author=f"a{n % 30}", **fields) for n in range(many)]  # type: ignore[arg-type]


def sampled(store: Store, start_ms: int, stop_ms: int, topic: str = "brand") -> list[str]:
    return [p.id[2:] for p in Reader(store).sample(NS, topic, start_ms, stop_ms)]


# -- the sample ---------------------------------------------------------------------


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 90), repeats=st.integers(0, 40))
def test_a_sample_is_the_same_whatever_the_order_and_batching(
    store: Store, seed: int, size: int, repeats: int
) -> None:
    rng, topic = random.Random(seed), f"t{next(_number)}"
    made = posts(90, 15_000, topic=topic)
    items: list[AnyRecord] = made + rng.choices(made, k=repeats)
    rng.shuffle(items)
    bench = Bench(store)
    for first in range(0, len(items), size):
        bench.feed(*items[first : first + size])
    ranked = {p.id[2:]: schema.rank(schema.digest(p.id)) for p in made}
    minutes = [[str(n) for n in range(m * 4, min(m * 4 + 4, 90))] for m in range(23)]
    assert sampled(store, START_MS, STOP_MS, topic) == [p for m in minutes for p in m]
    hour = sorted(ranked, key=lambda p: ranked[p])[-24:]
    assert set(sampled(store, START_MS, START_MS + 2 * HOUR_MS, topic)) == set(hour)


def test_a_busy_minute_keeps_six_and_a_window_takes_what_lies_in_it(store: Store) -> None:
    Bench(store).feed(*posts(300, 500))
    found = sampled(store, START_MS, START_MS + MINUTE_MS)
    assert len(found) == 6
    half = sampled(store, START_MS, START_MS + MINUTE_MS // 2)
    assert half == [p for p in found if int(p) < 60]


def test_minutes_whose_sample_is_gone_are_drawn_from_their_hours(store: Store) -> None:
    bench = Bench(store)
    bench.feed(*posts(60, MINUTE_MS))
    store.client.call("UNLINK", *(
        f"ut:{{{NS}/brand}}:sample:1m:{START_MS // MINUTE_MS + n}" for n in range(30)
    ))  # fmt: skip
    found = [int(p) for p in sampled(store, START_MS, STOP_MS)]
    assert [p for p in found if p >= 30] == list(range(30, 60))
    of_hour = [int(p) for p in sampled(store, START_MS, STOP_MS + 6 * MINUTE_MS)]
    assert len(of_hour) >= 24
    assert [p for p in found if p < 30] == [p for p in of_hour if p < 30]


def test_old_samples_are_dropped_and_expire(store: Store) -> None:
    bench = Bench(store)
    store.save_cursor(NS, "archive", b"0")
    bench.feed(*posts(3, MINUTE_MS), mark(2 * HOUR_MS))
    bench.flush()
    store.save_cursor(NS, "archive", b"1")
    bench.flush()
    keys = [key.decode() for key in store.client.scan("ut:*:sample:*")]
    assert [key.split("}:")[1] for key in keys] == [f"sample:1h:{START_MS // HOUR_MS}"]
    assert 0 < store.client.call("PTTL", keys[0]) <= schema.WORDS_MS


# -- one post -----------------------------------------------------------------------


def test_a_kept_post_says_all_that_was_scored(store: Store) -> None:
    one = msgspec.structs.replace(
        scored("1", 5_000, place=(3, 41), author="ann"),
        dmlanet=(1 / 3, 1 / 7, 1 - 1 / 3 - 1 / 7),
        original_id="x:0",
        attention=bytes(range(SIZE)),
        masked_reason="no_text",
        unseen_language=True,
    )
    Bench(store).feed(one)
    found = Reader(store).post(NS, "brand", one.id, one.created_at_ms)
    assert found is not None
    assert found.looked == one.attention
    assert found.dmlanet == (0.3333, 0.1429, 0.5238)
    same = set(KeptPost.__struct_fields__) - {"attention", "dmlanet"}
    assert {f: getattr(found, f) for f in same} == {f: getattr(one, f) for f in same}


def test_a_post_that_is_not_kept_is_none(store: Store) -> None:
    Bench(store).feed(*posts(300, 100))
    reader = Reader(store)
    kept = [n for n in range(300) if reader.post(NS, "brand", f"x:{n}", START_MS + n * 100)]
    assert 24 <= len(kept) <= 6 + 3 + 24 + 5
    assert reader.post(NS, "brand", f"x:{kept[0]}", START_MS + kept[0] * 100 + 1) is None
    assert reader.post(NS, "brand", "0", START_MS) is None


def test_documents_of_an_older_version_are_read() -> None:
    older = (
        b'{"id":"x:1","created_at_ms":5,"label":2,"score":7,"text":"t","url":"","author":"a",'
        b'"author_name":"","lang":"en","kind":"post","picture_urls":["u"]}'
    )
    found = msgspec.json.decode(older, type=KeptPost)
    assert (found.id, found.picture_urls, found.partition, found.looked) == ("x:1", ("u",), -1, b"")
    assert msgspec.json.decode(document(scored("1")).encode())["text"] == "words"


# -- authors ------------------------------------------------------------------------


def test_authors_of_whole_minutes_and_hours(store: Store) -> None:
    Bench(store).feed(
        scored("1", 0, author="ann"),
        scored("2", MINUTE_MS, author="ben"),
        scored("3", HOUR_MS + MINUTE_MS, author="cid"),
        scored("4", 2 * HOUR_MS, author="ann"),
    )

    def authors(start: int, stop: int) -> int:
        return Reader(store).authors(NS, "brand", START_MS + start, START_MS + stop)

    assert authors(0, 0) == 0
    assert authors(0, MINUTE_MS) == 1
    assert authors(30_000, MINUTE_MS + 1) == 2
    assert authors(MINUTE_MS, 2 * HOUR_MS) == 2
    assert authors(0, 3 * HOUR_MS) == 3
    assert authors(MINUTE_MS, 2 * HOUR_MS + 1) == 3


def test_authors_of_minutes_that_are_gone_are_those_of_the_hour(store: Store) -> None:
    Bench(store).feed(scored("1", 0, author="ann"), scored("2", 5 * MINUTE_MS, author="ben"))
    keys = list(store.client.scan("ut:*:authors:1m:*"))
    store.client.call("UNLINK", *keys)
    assert Reader(store).authors(NS, "brand", START_MS, START_MS + MINUTE_MS) == 2


# -- what leaves --------------------------------------------------------------------


def test_a_deleted_post_leaves_every_tier(store: Store) -> None:
    bench = Bench(store)
    bench.feed(*posts(4, 1_000), mark(5_000))
    bench.stage.settle()
    bench.feed(Deletion("x:2", NS, START_MS + 6_000))
    bench.stage.settle()
    assert sampled(store, START_MS, STOP_MS) == ["0", "1", "3"]
    assert Reader(store).post(NS, "brand", "x:2", START_MS + 2_000) is None
    everything = [
        store.client.call("HVALS", key)
        for kind in ("top:*", "sample:*", "rolling")
        for key in store.client.scan(f"ut:*:{kind}")
    ]
    assert b"x:2" not in repr(everything).encode()
    assert Reader(store).totals(NS, "brand").deleted == 1


def test_a_deletion_before_its_post_keeps_it_out_of_samples(store: Store) -> None:
    bench = Bench(store)
    bench.feed(mark(0), Deletion("x:1", NS, START_MS), *posts(3, 1_000))
    assert sampled(store, START_MS, STOP_MS) == ["0", "2"]


def test_a_namespace_takes_its_samples_with_it(store: Store) -> None:
    bench = Bench(store)
    bench.feed(*posts(3, 1_000), mark(2 * DAY_MS))
    store.clear_counts(NS)
    assert not list(store.client.scan("ut:*:sample:*"))
