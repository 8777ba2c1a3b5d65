"""A process's vitals: the arithmetic, the document, and that sending it disturbs nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services import metrics
from services.errors import Unavailable
from services.health import serve_health
from services.settings import Settings
from services.store.store import Store
from services.store.vitals import Process, Vitals
from services.stream.memory import MemoryStreams
from services.stream.port import Output
from services.vitals.document import describe, versions
from services.vitals.figures import KEPT_S, Recorder, quantile
from services.vitals.publisher import Publisher
from tests.servers.valkey import ValkeyServer

WHO = {
    "id": "host:1",
    "command": "infer",
    "host": "host",
    "pid": 1,
    "versions": {"undertone": "0"},
    "started_ms": 0,
}
WELL = {"healthy": True, "stage": "inference", "reason": "", "partitions": [0], "in_flight": 2}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_rates_and_changes_are_of_the_last_minute(registry: CollectorRegistry) -> None:
    counter = Counter("posts_total", "", ["stage"], registry=registry)
    recorder = Recorder(registry)
    assert recorder.take(0.0).rate("posts_total", "a") is None
    counter.labels("a").inc(100)
    assert recorder.take(10.0).rate("posts_total", "a") == 10.0
    counter.labels("a").inc(20)
    later = recorder.take(KEPT_S + 5.0)  # the frame at 0 s is forgotten, the one at 10 s is not
    assert later.change("posts_total", "a") == 20
    assert later.rate("posts_total", "a") == pytest.approx(20 / 55)
    assert later.rate("never_heard_of") == 0.0


def test_a_counter_that_fell_began_anew(registry: CollectorRegistry) -> None:
    gauge = Gauge("runs", "", registry=registry)
    recorder = Recorder(registry)
    gauge.set(500)
    recorder.take(0.0)
    gauge.set(7)
    assert recorder.take(1.0).change("runs") == 7


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, None), (0.5, 0.1), (0.75, 0.3), (0.99, 1.0)],
)
def test_quantiles_are_those_of_promql(share: float, expected: float | None) -> None:
    buckets = [(0.1, 50.0), (0.5, 100.0), (1.0, 100.0), (float("inf"), 100.0)]
    if share == 0.99:  # one in fifty lies beyond the last finite bound
        buckets = [(0.1, 50.0), (0.5, 90.0), (1.0, 98.0), (float("inf"), 100.0)]
    if expected is None:
        buckets = [(bound, 0.0) for bound, _ in buckets]
    found = quantile(share, buckets)
    assert found == (None if expected is None else pytest.approx(expected))


def _filled(registry: CollectorRegistry) -> Callable[[], None]:
    """The metrics of a worker in front of Triton; calling it makes a minute of work."""
    lag = Gauge("undertone_consumer_lag_records", "", ["s", "g", "p"], registry=registry)
    dead = Counter("undertone_dead_letters_total", "", ["stage", "reason"], registry=registry)
    read = Counter("undertone_records_read_total", "", ["stage"], registry=registry)
    scored = Histogram("undertone_scored_seconds", "", buckets=(0.1, 1), registry=registry)
    requests = Gauge("undertone_triton_requests", "", ["model", "what"], registry=registry)
    spent = Gauge("undertone_triton_seconds", "", ["model", "phase"], registry=registry)
    turned = Gauge("undertone_loop_timestamp_seconds", "", ["stage"], registry=registry)

    def work() -> None:
        lag.labels("posts", "inference", "3").set(41)
        dead.labels("inference", "bad_json").inc(2)
        read.labels("inference").inc(600)
        for _ in range(10):
            scored.observe(0.05)
        for what, count in {"pairs": 600, "runs": 20, "requests": 40, "failed": 1}.items():
            requests.labels("dmlanet", what).set(count)
        for phase, seconds in {"queue": 0.2, "compute_infer": 0.6, "compute_input": 0.2}.items():
            spent.labels("dmlanet", phase).set(seconds)
        turned.labels("inference").set(1_000.0)

    return work


def test_a_document_says_what_an_operator_asks(registry: CollectorRegistry) -> None:
    work, recorder = _filled(registry), Recorder(registry)
    recorder.take(0.0)
    work()
    said = describe(WHO, WELL, recorder.take(60.0), at_ms=1_002_500)
    (hop,), (lag,), (model,), (dead,) = said.hops, said.lag, said.models, said.dead_letters
    assert (hop.stage, hop.read, hop.read_per_s, hop.turned_s) == ("inference", 600, 10.0, 2.5)
    assert (lag.stream, lag.group, lag.partition, lag.records) == ("posts", "inference", 3, 41)
    assert (dead.stage, dead.reason, dead.count) == ("inference", "bad_json", 2)
    assert (model.name, model.where, model.batch, model.failed) == ("dmlanet", "triton", 30, 1)
    assert (model.queue_ms, model.compute_ms) == (5.0, 20.0)
    assert said.latency is not None
    assert (said.latency.p50_s, said.latency.posts) == (0.05, 10)


def test_several_hops_in_one_process_and_what_is_wrong(registry: CollectorRegistry) -> None:
    ill = {"healthy": False, "stage": "aggregation", "reason": "store: away", "since_s": 3.0}
    health = {"healthy": False, "hops": [WELL, ill]}
    said = describe({**WHO, "command": ""}, health, Recorder(registry).take(0.0), 5)
    assert (said.command, said.healthy) == ("inference+aggregation", False)
    assert said.reason == "store: away"
    assert [hop.healthy for hop in said.hops] == [True, False]
    assert said.latency is None


def test_versions_name_the_networks(tmp_path: Path) -> None:
    assert "networks" not in versions(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    found = versions(tmp_path)
    assert {"undertone", "python", "networks"} <= set(found)


def _until(holds: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)
    return found


class Broken:
    """A client of a store that is away until it is mended."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.away = True
        self.asked = Event()
        self.client = self

    def pipe(self, commands: Any) -> list[Any]:
        self.asked.set()
        if self.away:
            raise Unavailable("store", "connection refused")
        self.sent.append(commands)
        return []

    def close(self) -> None:
        self.away = True


def _document() -> Process:
    return Process(**WHO, at_ms=1, healthy=True)


def test_a_store_that_is_away_is_asked_again() -> None:
    store = Broken()
    publisher = Publisher(lambda: store, _document, every_s=0.01)  # type: ignore[arg-type,return-value]
    assert store.asked.wait(5)
    store.away = False
    _until(lambda: store.sent)
    publisher.close()
    assert store.sent[-1][0][0] == "UNLINK"  # it took its leave


def test_a_store_that_hangs_holds_nobody_up() -> None:
    hanging, asked = Event(), Event()

    def hang() -> Store | None:
        asked.set()
        hanging.wait(30)
        return None

    publisher = Publisher(hang, _document, every_s=0.01)
    assert asked.wait(5)
    begun = time.monotonic()
    publisher.close()
    assert time.monotonic() - begun < 3
    hanging.set()


def test_health_that_fails_does_not_end_the_thread() -> None:
    calls = []

    def failing() -> Process:
        calls.append(1)
        raise RuntimeError("a hop that is being closed")

    publisher = Publisher(lambda: None, failing, every_s=0.01)
    _until(lambda: len(calls) > 2)
    publisher.close()


def test_lag_in_memory_is_of_the_partitions_that_are_held() -> None:
    streams = MemoryStreams(2)
    first = streams.consumer("posts", "g")
    for _ in range(10):
        streams.append(Output("posts", None, b""))
    first.poll(3, 0.0)
    assert sum(_lag().values()) == 7
    second = streams.consumer("posts", "g")
    first.poll(3, 0.0)
    assert len(_lag()) == 1  # the other partition is to be the second's
    second.close()
    first.close()
    assert _lag() == {}


def _lag() -> dict[tuple[str, ...], float]:
    (metric,) = metrics.LAG.collect()
    return {tuple(s.labels.values()): s.value for s in metric.samples if s.labels["group"] == "g"}


@pytest.mark.integration
def test_processes_come_and_go_in_the_store(valkey: ValkeyServer) -> None:
    store = valkey.open()
    vitals = Vitals(store.client)
    with ExitStack() as stack:
        serve_health(_settings(valkey), stack, lambda: WELL, "infer")
        (seen,) = _until(vitals.read)
        assert (seen.command, seen.hops[0].partitions) == ("infer", [0])
        assert seen.memory_bytes is None or seen.memory_bytes > 1_000_000
        assert 0 < store.client.call("PTTL", f"ut:vitals:{seen.id}") <= 15_000
    assert vitals.read() == []
    store.close()


@pytest.mark.integration
def test_what_can_not_be_read_is_left_out(valkey: ValkeyServer) -> None:
    store = valkey.open()
    vitals = Vitals(store.client)
    vitals.publish(_document())
    store.client.call("SET", "ut:vitals:newer", b'{"id": 5}')
    store.client.call("ZADD", "ut:vitals", 1, "newer")
    store.client.call("ZADD", "ut:vitals", 1, "silent")
    assert [process.id for process in vitals.read()] == ["host:1"]
    store.close()


def test_a_hop_without_a_store_starts_none(tmp_path: Path) -> None:
    settings = Settings(streams_url="kafka://nowhere:9092", data_dir=tmp_path / "none")
    with ExitStack() as stack:
        serve_health(settings, stack, lambda: WELL, "infer")
    assert not (tmp_path / "none").exists()


def _settings(valkey: ValkeyServer) -> Settings:
    return Settings(streams_url="kafka://nowhere:9092", store_url=valkey.url)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    for stream, group, partition in list(_lag()):
        metrics.LAG.remove(stream, group, partition)
