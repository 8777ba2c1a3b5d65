"""Rolling windows are the sums of their posts; ticks write them, and the posts that weigh most."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from services.store import Reader, Store
from services.store.reader import LIVE
from services.store.schema import HOUR_MS, window_end
from tests.integration.aggregation_bench import NS, Bench
from tests.scores import START_MS, mark, scored, send

pytestmark = pytest.mark.integration


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
