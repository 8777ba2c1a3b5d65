"""The API's figures are the store's: overview, topics, series, in JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from services.aggregation.commands import rolling_command
from services.dashboard import schemas
from services.store import schema
from services.store.glance import WINDOWS, glances, looks_back_ms, nothing, rolled
from services.store.reader import LIVE, REPLAY, Pane, Reader, Sums
from services.store.schema import DAY_MS, HOUR_MS, MINUTE_MS
from tests.integration.dashboard.harness import NS, Site, serving
from tests.scores import START_MS, mark, scored
from tests.servers.valkey import ValkeyCluster, ValkeyServer

pytestmark = pytest.mark.integration
SPAN_MS = 3 * HOUR_MS


def feed(site: Site, posts: int = 400, topics: int = 3, span_ms: int = SPAN_MS) -> None:
    """Posts of some topics over three hours; then the replay has ended."""
    rng = random.Random(posts)
    made = [
        scored(
            str(n),
            n * span_ms // posts,
            topic=f"topic {rng.randrange(topics)}",
            label=(label := rng.randrange(3)),
            score=(label - 1) * rng.randint(1_000, 9_000),
            author=f"a{rng.randrange(50)}",
            kind=rng.choice(["post", "repost"]),
        )
        for n in range(posts)
    ]
    site.bench.feed(*made, mark(span_ms, ended=True))
    site.bench.flush()
    site.bench.stage.settle()


def rolling_json(site: Site, window: str, namespace: str = NS) -> Any:
    said = io.StringIO()
    rolling_command(
        site.store, None, window=window, namespace=namespace, live=LIVE, as_json=True,
        clock_ms=lambda: START_MS, console=Console(file=said, width=10**6),
    )  # fmt: skip
    return json.loads(said.getvalue())["topics"]


@pytest.mark.parametrize("window", list(WINDOWS))
def test_the_overview_shows_what_undertone_rolling_says(site: Site, window: str) -> None:
    feed(site)
    page = site.json(f"topics?namespace={NS}&window={window}")
    assert schemas.TopicsPage.model_validate(page)
    said = rolling_json(site, window)
    shown = {row["topic"]: row["window"] for row in page["topics"]}
    assert shown == {t: {k: v for k, v in row.items() if k != "top"} for t, row in said.items()}
    assert page["posts"] == sum(row["count"] for row in said.values())
    assert page["ended"] is True


@pytest.mark.parametrize("window", list(WINDOWS))
def test_the_window_before_and_the_small_series_are_sums_of_panes(site: Site, window: str) -> None:
    feed(site, span_ms=DAY_MS * 2 if window == "24h" else SPAN_MS, posts=700)
    reader, wanted = Reader(site.store), WINDOWS[window]
    fine = "1m" if window == "24h" else "10s"
    for row in site.json(f"topics?namespace={NS}&window={window}")["topics"]:
        stop = row["window"]["start_ms"]
        panes = reader.series(NS, row["topic"], fine, stop - wanted.length_ms, stop)
        sums = sum((pane.sums for pane in panes), Sums())
        assert row["before"]["count"] == sums.count
        if sums.count:
            assert row["before"]["mean_score"] == pytest.approx(sums.mean_score, abs=1e-6)
            assert row["before"]["negative_share"] == pytest.approx(
                sums.negative / sums.count, abs=1e-6
            )
        if sums.count > 1:
            assert row["before"]["standard_error"] == pytest.approx(sums.standard_error, abs=1e-6)
        spark = row["spark"]
        width = wanted.series.width_ms
        assert spark["step_ms"] == width
        assert (
            spark["start_ms"] + 59 * width
            < row["window"]["end_ms"]
            <= spark["start_ms"] + 60 * width
        )
        panes = reader.series(
            NS, row["topic"], wanted.series.name, spark["start_ms"], spark["start_ms"] + 60 * width
        )
        held = {(pane.start_ms - spark["start_ms"]) // width: pane.sums for pane in panes}
        for place in range(60):
            sums = held.get(place, Sums())
            assert spark["count"][place] == sums.count
            assert spark["negative"][place] == sums.negative
            assert spark["mean_score"][place] == (
                None if not sums.count else pytest.approx(sums.mean_score, abs=1e-4)
            )


def test_live_windows_end_now_even_when_nobody_aggregates(valkey: ValkeyServer) -> None:
    later = START_MS + 20 * MINUTE_MS
    with serving(valkey.open, clock_ms=lambda: later) as site:
        site.bench.feed(*(scored(str(n), n * MINUTE_MS, namespace=LIVE) for n in range(19)))
        site.bench.flush()
        (row,) = site.json("topics?window=15m")["topics"]
        assert row["window"]["end_ms"] == later + 10_000
        assert row["window"]["count"] == 13
        assert row["before"]["count"] == 6
        detail = site.json("topics/brand")
        assert detail["windows"]["15m"] == row["window"]
        assert detail["totals"]["count"] == 19


def test_a_topic_and_its_totals(site: Site) -> None:
    feed(site)
    found = schemas.TopicDetail.model_validate(site.json(f"topics/topic%201?namespace={NS}"))
    totals = Reader(site.store).totals(NS, "topic 1")
    assert found.totals.count == totals.sums.count
    assert found.totals.authors == totals.authors
    assert found.windows["1h"].model_dump() == site_window(site, "topic 1", "1h")


def site_window(site: Site, topic: str, window: str) -> Any:
    rows = site.json(f"topics?namespace={NS}&window={window}")["topics"]
    return next(row["window"] for row in rows if row["topic"] == topic)


def test_what_does_not_exist(site: Site) -> None:
    feed(site)
    for path in (
        "topics?namespace=none", "topics/none", f"topics/none?namespace={NS}",
        f"topics/none/series?namespace={NS}", f"topics/none/posts?namespace={NS}",
        f"topics/none/phrases?namespace={NS}", "events?namespace=none", "alerts/none",
        f"topics/topic%201/posts/x%3A999?namespace={NS}&created_at_ms=1",
        f"pictures/{NS}/topic%201/x%3A999/0?created_at_ms=1",
    ):  # fmt: skip
        found = site.get(path, 404)
        assert found.headers["content-type"] == "application/problem+json"
        schemas.Problem.model_validate(found.json())


def test_without_a_namespace_live_is_shown_or_else_the_newest_replay(site: Site) -> None:
    site.get("topics", 200)
    assert site.json("topics")["namespace"] == LIVE
    feed(site)
    names = [schemas.NamespaceItem.model_validate(n).name for n in site.json("namespaces")]
    assert names == [LIVE, NS]


def test_a_namespace_is_found_as_soon_as_it_is_there(site: Site) -> None:
    """A replay prints the address of its page at once, and somebody opens it."""
    site.json("namespaces")
    site.store.add_namespace("just-begun", REPLAY, 1)
    assert site.json("topics?namespace=just-begun")["namespace"] == "just-begun"


RESOLUTIONS: list[tuple[str, str, Callable[[Pane], int]]] = [
    ("10s", "10s", lambda pane: pane.start_ms),
    ("1m", "1m", lambda pane: pane.start_ms),
    ("5m", "1m", lambda pane: pane.start_ms // 300_000 * 300_000),
    ("1h", "1h", lambda pane: pane.start_ms),
    ("1d", "1h", lambda pane: pane.start_ms // DAY_MS * DAY_MS),
]


@pytest.mark.parametrize(("name", "panes", "start_of"), RESOLUTIONS, ids=lambda v: str(v)[:4])
def test_a_series_is_the_reader_s(
    site: Site, name: str, panes: str, start_of: Callable[[Pane], int]
) -> None:
    feed(site)
    start, stop = START_MS + 7_000, START_MS + SPAN_MS - 50_000
    path = f"topics/topic%200/series?namespace={NS}&resolution={name}&from={start}&to={stop}"
    found = site.json(path)
    assert schemas.Series.model_validate(found)
    assert found["from"] <= start
    assert found["to"] >= stop
    sums: dict[int, Sums] = {}
    for pane in Reader(site.store).series(NS, "topic 0", panes, found["from"], found["to"]):
        sums[start_of(pane)] = sums.get(start_of(pane), Sums()) + pane.sums
    points = found["points"]
    assert points["t"] == list(range(found["from"], found["to"], found["resolution_ms"]))
    for place, at in enumerate(points["t"]):
        wanted = sums.get(at, Sums())
        for field in ("negative", "neutral", "positive", "reposts", "images"):
            assert points[field][place] == getattr(wanted, field)
    rows = list(csv.DictReader(io.StringIO(site.get(path + "&format=csv").text)))
    assert [int(row["negative"]) for row in rows] == points["negative"]
    assert [int(row["t"]) for row in rows] == points["t"]


def test_a_series_of_a_replay_is_all_of_it_by_default(site: Site) -> None:
    feed(site)
    found = site.json(f"topics/topic%200/series?namespace={NS}")
    totals = Reader(site.store).totals(NS, "topic 0")
    points = found["points"]
    assert sum(points["negative"]) == totals.sums.negative
    assert sum(points["positive"]) == totals.sums.positive
    assert found["complete_to_ms"] == START_MS + SPAN_MS
    assert found["authors"] == totals.authors


def test_pages_csv_and_gzip(site: Site) -> None:
    feed(site, topics=20)
    whole = site.json(f"topics?namespace={NS}&sort=name")["topics"]
    parts = [
        row
        for offset in range(0, 20, 6)
        for row in site.json(f"topics?namespace={NS}&sort=name&offset={offset}&limit=6")["topics"]
    ]
    assert parts == whole
    assert len(whole) == 20
    answer = site.get(f"topics?namespace={NS}&format=csv&sort=name")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["topic"] for row in rows] == [row["topic"] for row in whole]
    assert [int(row["count"]) for row in rows] == [row["window"]["count"] for row in whole]
    assert site.get(f"topics?namespace={NS}").headers["content-encoding"] == "gzip"


def test_what_did_not_change_is_not_sent_again(site: Site) -> None:
    feed(site)
    path = f"topics?namespace={NS}"
    first = site.get(path)
    assert site.get(path, 304, if_none_match=first.headers["etag"]).content == b""
    site.bench.feed(scored("new", SPAN_MS, topic="topic 0"))
    site.bench.flush()
    site.bench.stage.settle()
    for _ in range(40):
        again = site.client.get(f"/api/v1/{path}", headers={"If-None-Match": first.headers["etag"]})
        if again.status_code == 200:
            break
        time.sleep(0.1)
    assert again.status_code == 200
    assert again.headers["etag"] != first.headers["etag"]


def test_on_a_cluster_too() -> None:
    cluster = ValkeyCluster().start()
    try:
        with serving(cluster.open) as site:
            feed(site, topics=8)
            page = site.json(f"topics?namespace={NS}&window=1h")
            said = rolling_json(site, "1h")
            assert {r["topic"]: r["window"]["count"] for r in page["topics"]} == {
                topic: row["count"] for topic, row in said.items()
            }
            assert sum(site.json(f"topics/topic%201/series?namespace={NS}")["points"]["images"]) > 0
    finally:
        cluster.stop()


def test_a_glance_of_nobody_is_none(site: Site) -> None:
    assert glances(site.store, NS, ["nobody"], WINDOWS["5m"]) == [None]


@pytest.mark.parametrize("window", list(WINDOWS))
def test_nothing_is_what_the_store_would_say_of_it(site: Site, window: str) -> None:
    feed(site, posts=5, topics=1)
    for end in (START_MS + 40 * DAY_MS + 10_000, START_MS + 41 * DAY_MS):
        assert rolled(site.store, NS, {"topic 0": end}, WINDOWS[window]) == {
            "topic 0": nothing(WINDOWS[window], end)
        }
    last = Reader(site.store).totals(NS, "topic 0").last_post_ms
    assert last is not None
    end = schema.window_end(last + looks_back_ms(WINDOWS[window]))
    assert rolled(site.store, NS, {"topic 0": end}, WINDOWS[window]) == {
        "topic 0": nothing(WINDOWS[window], end)
    }


def test_many_topics_that_nobody_rolls_are_shown_at_once_and_then_summed_anew(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.dashboard.views.AT_MOST", 10)
    later = START_MS + 20 * MINUTE_MS
    with serving(valkey.open, clock_ms=lambda: later) as site:
        posts = [scored(str(n), 0, namespace=LIVE, topic=f"t{n}") for n in range(40)]
        site.bench.feed(*posts, mark(0, namespace=LIVE))
        site.store.roll([(LIVE, f"t{n}", START_MS + 10_000, True) for n in range(40)])
        assert site.json("topics?window=15m")["posts"] == 40
        deadline = time.monotonic() + 20
        while (left := site.json("topics?window=15m")["posts"]) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert left == 0
