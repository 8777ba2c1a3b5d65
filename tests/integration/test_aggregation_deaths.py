"""Aggregation behind its worker while the store dies, is set back, or is emptied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.aggregation.audit import audit
from services.aggregation.stage import AggregationStage, Options
from services.errors import Unavailable
from services.store import Store
from services.stream.memory import MemoryStreams
from services.stream.worker import Limits, Worker
from tests.integration.aggregation_bench import Bench, total
from tests.scores import NAMES, SCORES, everything, mark, scored, send, streams
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration


def worker(store: Store, of: MemoryStreams) -> Worker:
    stage = AggregationStage(store, of, Options(SCORES))
    limits = Limits(batch_size=40, commit_interval_s=0.0)
    return Worker(stage, of, group="agg", dead_letters="dead-letters", limits=limits)


def step_until_done(driven: Worker, of: MemoryStreams, store: Store) -> None:
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
    step_until_done(driven, made, store)
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
        step_until_done(driven, made, store)
        if chunk == 1:
            copy = own.save_copy()
    own.restore(copy)
    send(made, [scored(f"last {n}", 300_000 + n, topic=f"t{n % 5}") for n in range(300)])
    step_until_done(driven, made, store)
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
    step_until_done(driven, made, store)
    own.restore(empty)
    send(made, [scored("more", 5)])
    step_until_done(driven, made, store)
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
