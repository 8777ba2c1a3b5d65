"""One suite for every kind of store: embedded, a server, one with a password, a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.errors import Rewound, Unavailable, UsageError
from services.store import Reader, Store, open_store
from services.store.outbox import Outbox
from services.store.reader import Sums
from services.store.store import Progress, TopicBatch
from tests.conftest import missing
from tests.scores import START_MS
from tests.servers.local import ServerMissing
from tests.servers.valkey import ValkeyCluster, ValkeyServer

pytestmark = pytest.mark.integration
NS = "replay-1"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, ValkeyServer | ValkeyCluster]]:
    try:
        started = {
            "server": ValkeyServer().start(),
            "password": ValkeyServer(password="open sesame".replace(" ", "-")).start(),
            "cluster": ValkeyCluster().start(),
        }
    except ServerMissing as error:
        missing(f"no Valkey: {error}")
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture(params=["embedded", "server", "password", "cluster"])
def store(
    request: pytest.FixtureRequest, servers: dict[str, ValkeyServer | ValkeyCluster], tmp_path: Path
) -> Iterator[Store]:
    kind = request.param
    opened = open_store("embedded://", data_dir=tmp_path) if kind == "embedded" else None
    opened = opened or servers[kind].open()
    opened.client.on_primaries("FLUSHALL")
    opened.begin_session()
    yield opened
    opened.close()


def entry(offset: int, post: str, at_ms: int = 0, label: int = 2, score: int = 5_000) -> tuple:  # type: ignore[type-arg]
    return (offset, post, START_MS + at_ms, label, score, 8, "author")


def apply(store: Store, *entries: tuple, place: str = "e:0", topic: str = "brand") -> list[int]:  # type: ignore[type-arg]
    (counted,) = store.apply(place, [TopicBatch(NS, topic, entries)])
    return counted


def test_each_post_counts_once_by_id(store: Store) -> None:
    assert apply(store, entry(0, "a"), entry(1, "b"), entry(2, "a")) == [1, 2]
    assert apply(store, entry(3, "b"), entry(4, "c")) == [2]
    totals = Reader(store).totals(NS, "brand")
    assert totals.sums == Sums(positive=3, sum=15_000, squares=75_000_000, images=3)
    assert totals.duplicates == 2
    assert totals.authors == 1


def test_each_record_counts_once_by_position(store: Store) -> None:
    batch = [entry(0, "a"), entry(1, "a")]
    apply(store, *batch)
    assert apply(store, *batch) == []
    assert Reader(store).totals(NS, "brand").duplicates == 1


def test_positions_of_partitions_are_apart(store: Store) -> None:
    apply(store, entry(100, "a"), place="e:0")
    assert apply(store, entry(5, "b"), place="e:1") == [1]
    assert apply(store, entry(99, "c"), place="e:0") == []


def test_a_stream_made_anew_starts_from_zero(store: Store) -> None:
    apply(store, entry(100, "a"), place="old:0")
    assert apply(store, entry(0, "b"), place="new:0") == [1]
    assert apply(store, entry(1, "a"), place="new:0") == []


def test_panes_take_what_lies_in_them(store: Store) -> None:
    # 10 s panes:  |0 ........ 9.999|10 ......|
    #               a              b c
    apply(store, entry(0, "a", 0, 0, -100), entry(1, "b", 9_999, 1, 7), entry(2, "c", 10_000, 2, 9))
    first, second = Reader(store).series(NS, "brand", "10s", START_MS, START_MS + 60_000)
    assert first.start_ms == START_MS
    assert first.sums == Sums(1, 1, 0, -93, 10_049, images=2)
    assert second.start_ms == START_MS + 10_000
    assert second.sums == Sums(0, 0, 1, 9, 81, images=1)
    (minute,) = Reader(store).series(NS, "brand", "1m", START_MS, START_MS + 60_000)
    assert minute.sums == first.sums + second.sums
    assert Reader(store).series(NS, "brand", "10s", START_MS + 10_000, START_MS + 10_001) == [
        second
    ]
    assert not Reader(store).series(NS, "brand", "10s", START_MS + 1, START_MS + 10_000)


def test_windows_are_written_to_one_key(store: Store) -> None:
    apply(store, *(entry(n, f"p{n}", n * 1_000, n % 3, n) for n in range(120)))
    store.roll([(NS, "brand", START_MS + 120_000, True)])
    rolling = Reader(store).rolling(NS, "brand")
    assert rolling is not None
    assert rolling.end_ms == START_MS + 120_000
    minute = rolling.windows["1m"]
    assert (minute["count"], minute["negative"], minute["sum"]) == (60, 20, sum(range(60, 120)))
    assert rolling.windows["24h"]["count"] == 120
    again = Reader(store).rolling(NS, "brand", START_MS + 119_999)
    assert again == rolling
    assert store.client.call("TYPE", f"ut:{{{NS}/brand}}:rolling") == b"hash"


def test_an_unknown_topic_is_all_zeros(store: Store) -> None:
    reader = Reader(store)
    assert reader.totals(NS, "nothing").sums == Sums()
    assert reader.rolling(NS, "nothing") is None
    assert reader.watermark(NS).ms is None
    assert reader.topics(NS) == []


def test_positions_move_only_from_where_we_knew_them(store: Store) -> None:
    store.advance("scores", "e", {}, {0: Progress(10, b'{"a":1}'), 3: Progress(7)})
    held = store.progress("scores", "e", [0, 1, 3])
    assert held == {0: Progress(10, b'{"a":1}'), 3: Progress(7)}
    store.advance("scores", "e", held, {0: Progress(20)})
    with pytest.raises(Rewound, match="0"):
        store.advance("scores", "e", held, {0: Progress(30), 3: Progress(9)})
    assert store.progress("scores", "e", [0, 3]) == {0: Progress(20), 3: Progress(7)}
    assert store.progress("scores", "other", [0]) == {}


def test_a_server_that_forgot_our_session_is_another_server(store: Store) -> None:
    apply(store, entry(0, "a"))
    store.client.on_primaries("SCRIPT", "FLUSH")
    with pytest.raises(Rewound):
        apply(store, entry(1, "b"))
    with pytest.raises(Rewound):
        apply(store, entry(1, "b"))
    store.begin_session()
    assert apply(store, entry(1, "b")) == [1]


def test_plain_scripts_are_loaded_where_they_are_missing(store: Store) -> None:
    apply(store, entry(0, "a"))
    store.roll([(NS, "brand", START_MS + 10_000, True)])
    store.client.on_primaries("SCRIPT", "FLUSH")
    store.roll([(NS, "brand", START_MS + 20_000, False)])
    rolling = Reader(store).rolling(NS, "brand")
    assert rolling is not None
    assert rolling.end_ms == START_MS + 20_000


def test_cursors_are_kept_per_namespace_and_source(store: Store) -> None:
    assert store.load_cursor(NS, "archive") is None
    store.save_cursor(NS, "archive", b"\x00line 5")
    store.save_cursor("other", "archive", b"6")
    assert store.load_cursor(NS, "archive") == b"\x00line 5"
    assert store.load_cursor("other", "archive") == b"6"


def test_a_cursor_holds_back_what_is_forgotten(store: Store) -> None:
    assert store.floor_ms(NS) is None
    store.save_cursor(NS, "a", b"1")
    assert store.floor_ms(NS) is None  # nothing was counted yet
    store.publish_watermarks(NS, {"0": 5_000, "1": 4_000})
    store.save_cursor(NS, "a", b"2")
    store.publish_watermarks(NS, {"0": 9_000, "1": 9_000})
    assert store.floor_ms(NS) == 4_000
    store.save_cursor(NS, "b", b"1")
    assert store.floor_ms(NS) == 4_000
    store.save_cursor(NS, "a", b"3")
    assert store.floor_ms(NS) == 9_000


def test_published_watermarks_never_go_back(store: Store) -> None:
    reader = Reader(store)
    store.expect_partitions(NS, 2)
    store.expect_partitions(NS, 4)  # two were added; they count once they speak
    store.publish_watermarks(NS, {"0": 5_000})
    assert reader.watermark(NS).ms is None
    store.publish_watermarks(NS, {"1": 7_000, "ended:1": 1})
    assert reader.watermark(NS).ms == 5_000
    store.publish_watermarks(NS, {"0": 4_000, "ended:0": 1})
    assert reader.watermark(NS).ms == 5_000
    assert reader.watermark(NS).ended


def test_namespaces_and_topics_are_listed(store: Store) -> None:
    store.add_namespace(NS, "replay", 5, '{"archive": "a.jsonl"}')
    store.add_namespace(NS, "replay", 6)
    store.add_namespace("live", "live", 7)
    store.add_topics(NS, {"b": 2, "a": 1})
    names = Reader(store).namespaces()
    assert [(n.name, n.kind, n.created_ms) for n in names] == [
        ("live", "live", 7),
        (NS, "replay", 5),
    ]
    assert Reader(store).topics(NS) == ["a", "b"]


def test_a_deleted_namespace_leaves_nothing_and_its_neighbours_everything(store: Store) -> None:
    for name in (NS, "replay-11"):
        store.add_namespace(name, "replay", 5)
        store.add_topics(name, {"brand": 1})
        store.save_cursor(name, "a", b"1")
        store.apply("e:0", [TopicBatch(name, "brand", [entry(0, "a")])])
    store.delete_namespace(NS)
    left = {key.decode() for key in store.client.scan("*") if not key.startswith(b"ut:sync")}
    assert left
    assert all("replay-11" in key or key == "ut:namespaces" for key in left)
    assert [n.name for n in Reader(store).namespaces()] == ["replay-11"]


def test_cleared_counts_leave_the_cursors(store: Store) -> None:
    store.save_cursor(NS, "a", b"1")
    apply(store, entry(0, "a"))
    store.clear_counts(NS)
    assert store.load_cursor(NS, "a") == b"1"
    assert Reader(store).totals(NS, "brand").sums.count == 0


def test_who_is_at_work_is_known(store: Store) -> None:
    store.beat("one")
    store.beat("two")
    assert store.workers() == ["one", "two"]
    store.beat("one", alive=False)
    assert store.workers() == ["two"]


def test_writes_are_made_durable(store: Store) -> None:
    apply(store, entry(0, "a"))
    store.make_durable()
    assert Outbox(store).make_durable(NS)


def test_topics_of_a_batch_may_lie_anywhere(store: Store) -> None:
    batches = [TopicBatch(NS, f"t{n}", [entry(n, f"p{n}")]) for n in range(50)]
    assert store.apply("e:0", batches) == [[1]] * 50
    store.roll([(NS, f"t{n}", START_MS + 10_000, True) for n in range(50)])
    reader = Reader(store)
    assert {reader.totals(NS, f"t{n}").sums.count for n in range(50)} == {1}


def test_a_wrong_password_is_the_operators_matter(
    servers: dict[str, ValkeyServer | ValkeyCluster],
) -> None:
    server = servers["password"]
    assert isinstance(server, ValkeyServer)
    for password in (None, SecretStr("wrong")):
        store = open_store(server.url, password=password)
        with pytest.raises((UsageError, Unavailable), match=r"password|Authentication"):
            Reader(store).namespaces()
        store.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = open_store("redis://127.0.0.1:1")
    with pytest.raises(Unavailable, match="store"):
        Reader(store).namespaces()
    store.close()


def test_an_unknown_url_is_refused() -> None:
    with pytest.raises(UsageError, match="embedded"):
        open_store("memcached://here")
    with pytest.raises(UsageError, match="data folder"):
        open_store("embedded://")
