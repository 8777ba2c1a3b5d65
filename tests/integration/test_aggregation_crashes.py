"""Whatever order, batches, repetition, crashes and rival aggregators: the same numbers.

Two aggregators hold the same partitions, as after a pause that cost one its
membership. Each step may break off after any single command to the server,
as a killed process does; then a new aggregator takes its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.aggregation.audit import audit
from services.aggregation.stage import AggregationStage, Options
from services.errors import Rewound
from services.records import AnyRecord, Deletion, Scored
from services.store import Reader, Store
from services.store.client import Client, Command
from services.stream.memory import MemoryStreams
from tests.scores import NAMES, SCORES, everything, mark, scored, send, streams
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration
NS = "replay-1"
PARTITIONS = 2


class Killed(Exception):
    """The process ended here."""


class MortalClient(Client):
    """Dies after so many commands; what was sent before has happened."""

    commands_left: int | None = None

    def call(self, *command: Any) -> Any:
        self._live_through(1)
        return super().call(*command)

    def pipe(self, commands: Sequence[Command]) -> list[Any]:
        left = self.commands_left
        if left is not None and left < len(commands):
            super().pipe(commands[:left])
            raise Killed
        self._live_through(len(commands))
        return super().pipe(commands)

    def _live_through(self, commands: int) -> None:
        if self.commands_left is not None:
            if self.commands_left < commands:
                raise Killed
            self.commands_left -= commands


class Aggregator:
    """One process: a stage, its connection, and where it reads."""

    def __init__(self, url: str, of: MemoryStreams) -> None:
        self.client = MortalClient.from_url(url)
        self.streams = of
        self.stage = AggregationStage(Store(self.client), of, Options(SCORES))
        self.at = dict(self.stage.assigned(range(PARTITIONS)))

    def step(self, partition: int, size: int) -> None:
        batch = everything(self.streams, partition)[self.at[partition] :][:size]
        if batch:
            self.stage.submit(batch).result()
            self.at[partition] = batch[-1].offset + 1

    def flush(self) -> None:
        try:
            self.stage.flush(self.at)
        except Rewound:
            self.at = dict(self.stage.assigned(range(PARTITIONS)))

    def finish(self) -> None:
        for _ in range(5):
            for partition in range(PARTITIONS):
                self.step(partition, 10_000)
            self.flush()


MINUTES = st.integers(0, 60 * 20)
POSTS = st.builds(
    lambda number, topic, label, score: scored(
        str(number),
        number * 97_003 % 72_000_000,
        topic=f"t{topic}",
        label=label,
        score=score,
        author=f"a{number % 7}",
    ),
    st.integers(0, 40),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(-10_000, 10_000),
)
MARKS = st.builds(lambda minute: mark(minute * 60_000), MINUTES)
DELETIONS = st.builds(
    lambda number: Deletion(f"x:{number}", NS, 1_700_000_000_000), st.integers(0, 40)
)
STEPS = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 1), st.integers(0, 1), st.integers(1, 15)),
    st.tuples(st.just("flush"), st.integers(0, 1), st.just(0), st.just(0)),
    st.tuples(st.just("crash"), st.integers(0, 1), st.integers(0, 1), st.integers(0, 25)),
)


def play(
    url: str, made: MemoryStreams, steps: Sequence[tuple[str, int, int, int]]
) -> list[Aggregator]:
    pair = [Aggregator(url, made), Aggregator(url, made)]
    for what, who, partition, number in steps:
        one = pair[who]
        if what == "step":
            one.step(partition, number)
        elif what == "flush":
            one.flush()
        else:
            one.client.commands_left = number
            try:
                one.step(partition, 10)
                one.flush()
                one.stage.tick()
            except Killed:
                pass
            one.client.close()
            pair[who] = Aggregator(url, made)
    return pair


def naive(items: Sequence[AnyRecord]) -> dict[str, Counter[str]]:
    """Per topic, the sums over the first record of each id."""
    totals: dict[str, Counter[str]] = {}
    seen = set()
    for item in items:
        if isinstance(item, Scored) and (item.topic, item.id) not in seen:
            seen.add((item.topic, item.id))
            totals.setdefault(item.topic, Counter()).update(
                {
                    ("negative", "neutral", "positive")[item.label]: 1,
                    "sum": item.score,
                    "squares": item.score**2,
                }
            )
    return totals


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ValkeyServer().start()
    yield server.url
    server.stop()


RUN = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(RUN, max_examples=120)
@given(
    items=st.lists(st.one_of(POSTS, POSTS, POSTS, MARKS, DELETIONS), max_size=60),
    steps=st.lists(STEPS, max_size=25),
)
def test_the_numbers_are_those_of_a_naive_recount(
    url: str, items: list[AnyRecord], steps: list[tuple[str, int, int, int]]
) -> None:
    fresh = Client.from_url(url)
    for command in ("FLUSHALL", "SCRIPT FLUSH"):
        fresh.call(*command.split())
    made = streams(PARTITIONS)
    send(made, items)
    pair = play(url, made, steps)
    for one in pair:
        one.finish()
    store = Store(fresh)
    result = audit(made, store, NAMES)
    assert result.differences == []
    assert result.lag == 0
    for topic, numbers in naive(items).items():
        sums = Reader(store).totals(NS, topic).sums
        for name, expected in numbers.items():
            assert getattr(sums, name) == expected, (topic, name)
    gone = {item.id for item in items if isinstance(item, Deletion)}
    for item in items:
        if isinstance(item, Scored) and item.id in gone:
            assert Reader(store).post(NS, item.topic, item.id, item.created_at_ms) is None
    for client in (fresh, *(one.client for one in pair)):
        client.close()


@settings(RUN, max_examples=40)
@given(
    posts=st.lists(POSTS, min_size=1, max_size=40, unique_by=lambda p: (p.topic, p.id)),
    data=st.data(),
)
def test_order_and_repetition_change_nothing(url: str, posts: list[Scored], data: Any) -> None:
    repeated = posts + data.draw(st.lists(st.sampled_from(posts), max_size=20))
    panes = []
    for items in (posts, data.draw(st.permutations(repeated))):
        fresh = Client.from_url(url)
        fresh.call("FLUSHALL")
        made = streams(PARTITIONS)
        send(made, items)
        one = Aggregator(url, made)
        one.finish()
        reader = Reader(Store(fresh))
        panes.append(
            [
                (topic, reader.totals(NS, topic).sums, reader.series(NS, topic, "10s", *SPAN),
                 reader.top_posts(NS, topic, *SPAN))
                for topic in ("t0", "t1", "t2")
            ]
        )  # fmt: skip
        fresh.close()
        one.client.close()
    assert panes[0] == panes[1]


SPAN = (1_699_990_000_000, 1_700_080_000_000)
