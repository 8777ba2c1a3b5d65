"""A replay in one process, killed again and again: streams are lost, the cursor is behind."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from services.aggregation.stage import AggregationStage, Options
from services.records import AnyRecord
from services.store import Reader, Store
from services.store.reader import Pane, Totals
from services.store.schema import DAY_MS, HOUR_MS
from tests.scores import SCORES, START_MS, everything, mark, scored, send, streams
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration
POSTS, BATCH, CHECKPOINT = 2_000, 50, 300
DAYS = 60
NS = "replay-1"


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    opened = valkey.open()
    yield opened
    opened.close()


def archive() -> list[AnyRecord]:
    """Sixty days of posts in order, one in fifty repeated a little later."""
    rng = random.Random(3)
    times = sorted(rng.randrange(DAYS * DAY_MS) for _ in range(POSTS))
    posts: list[AnyRecord] = []
    for number in range(len(times)):
        twin = number - 7 if number % 50 == 49 else number
        label, score = twin % 3, twin * 7919 % 20_001 - 10_000
        posts.append(
            scored(str(twin), times[twin], topic=f"t{twin % 3}", label=label, score=score,
                   author=f"a{twin % 90}")
        )  # fmt: skip
    return posts


def run(store: Store, posts: list[AnyRecord], dies_after: int) -> bool:
    """Go on from the cursor, with streams of its own; whether it came to the end."""
    made = streams()
    stage = AggregationStage(store, made, Options(SCORES))
    at = stage.assigned([0])[0]
    cursor = int(store.load_cursor(NS, "archive") or 0)
    for first in range(cursor, len(posts), BATCH):
        batch = posts[first : first + BATCH]
        send(made, batch)
        send(made, [mark(batch[-1].created_at_ms - START_MS)])  # type: ignore[union-attr]
        stage.submit(everything(made, 0)[at:]).result()
        at = made.ends(SCORES)[0]
        stage.flush({0: at})
        dies_after -= BATCH
        if dies_after <= 0:
            return False
        if (first + BATCH) % CHECKPOINT == 0:
            store.save_cursor(NS, "archive", str(first + BATCH).encode())
    return True


def figures(store: Store) -> list[tuple[Totals, list[Pane]]]:
    reader = Reader(store)
    found = []
    for topic in ("t0", "t1", "t2"):
        span = START_MS - HOUR_MS, START_MS + DAYS * DAY_MS + HOUR_MS
        hours = reader.series(NS, topic, "1h", *span)
        found.append((reader.totals(NS, topic), hours))
    return found


def test_a_replay_killed_five_times_ends_with_the_same_figures(store: Store) -> None:
    posts = archive()
    assert run(store, posts, 10**9)
    expected = figures(store)
    store.delete_namespace(NS)
    rng = random.Random(9)
    for _ in range(5):
        assert not run(store, posts, rng.randrange(350, 700))
    assert run(store, posts, 10**9)
    for (totals, hours), (totals_, hours_) in zip(figures(store), expected, strict=True):
        assert hours == hours_
        assert totals.sums == totals_.sums
        assert totals.too_late == totals_.too_late == 0
        assert totals.authors == totals_.authors
        assert totals.duplicates > totals_.duplicates  # what came twice is counted as such
