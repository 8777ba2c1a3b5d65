"""X's filtered stream with catching up and a budget, against a simulator of its API."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from services.errors import UsageError
from services.ingest.gaps import Watch
from services.ingest.live_source import LiveSource, Wiring, place
from services.ingest.source import Brought
from services.ingest.x import Account, estimate, x
from services.ingest.x_budget import Budget
from services.ingest.x_commands import topics_estimate
from services.ingest.x_socket import Options
from services.records import Post
from services.settings import load_settings
from services.topics import Topics, parse_topics
from tests.simulators.x import XServer, tweet

pytestmark = pytest.mark.integration

TOPICS = parse_topics(
    "topics:\n  acme: {query: acme, text_only: true}\n  globex: {query: globex, text_only: true}\n",
    "t",
)
FAST = Options(hurry=0.01)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Meter(dict[str, int]):
    """Posts per month, as the store keeps them."""

    def __call__(self, month: str, posts: int) -> int:
        self[month] = self.get(month, 0) + posts
        return self[month]


@pytest.fixture
def server() -> Iterator[XServer]:
    with XServer() as running:
        yield running


def account(server: XServer, token: str = "secret", cap: float = 100.0) -> Account:
    return Account(SecretStr(token), price=0.01, cap=cap, api=server.url)


def source(
    server: XServer,
    cursor: bytes | None = None,
    meter: Meter | None = None,
    cap: float = 100.0,
    topics: Topics = TOPICS,
) -> LiveSource:
    return x(
        Wiring("live", lambda: topics, now_ms),
        account(server, cap=cap),
        lambda: topics,
        Meter() if meter is None else meter,
        cursor,
        options=FAST,
    )


def gather(running: LiveSource, wanted: set[str], most_s: float = 15.0) -> list[str]:
    """Ids of the posts that came, until all wanted ones are among them."""
    found: list[str] = []
    until = time.monotonic() + most_s
    while not wanted <= set(found) and time.monotonic() < until:
        brought: list[Brought] = list(running.read(200))
        found += [item.id for item in brought if isinstance(item, Post)]
        if not brought:
            time.sleep(0.01)
    return found


def connected(server: XServer) -> None:
    until = time.monotonic() + 10
    while not server.open and time.monotonic() < until:
        time.sleep(0.01)
    assert server.open


def ids(tweets: list[dict[str, str]]) -> set[str]:
    return {f"x:{t['id']}" for t in tweets}


def test_rules_are_made_ours_and_others_left_alone(server: XServer) -> None:
    server.rules = {
        "1": {"id": "1", "value": "stale", "tag": "ut:old"},
        "2": {"id": "2", "value": "cats", "tag": "somebody"},
    }
    running = source(server)
    connected(server)
    running.close()
    left = {(rule["value"], rule["tag"]) for rule in server.rules.values()}
    assert left == {("cats", "somebody"), ("acme", "ut:acme"), ("globex", "ut:globex")}
    stream = next(query for path, query in server.requests if path.endswith("/search/stream"))
    assert "attachments.media_keys" in stream["expansions"][0]
    assert "url" in stream["media.fields"][0]


@pytest.mark.parametrize(
    "faults",
    [
        ["drop"],
        ["stall"],
        ["disconnect"],
        ["garbage", "duplicate", "reorder"],
        ["swap", "swap"],
        ["drop", "http_503", "http_429", "limit", "drop"],
    ],
    ids=" ".join,
)
def test_what_the_stream_lost_is_searched_for(faults: list[str], server: XServer) -> None:
    start_ms = now_ms() - 10_000
    tweets = [tweet(n, start_ms + n, f"{('acme', 'globex')[n % 2]} {n}") for n in range(400)]
    running = source(server)
    connected(server)
    server.post(tweets[:20])
    assert set(gather(running, ids(tweets[:20]))) == ids(tweets[:20])
    server.faults += faults
    for start in range(20, 400, 20):
        server.post(tweets[start : start + 20])
        time.sleep(0.02)
    found = gather(running, ids(tweets[20:]))
    running.close()
    assert set(found) == ids(tweets[20:])
    assert len(found) == len(set(found))


def test_a_restart_searches_from_the_cursor(server: XServer) -> None:
    tweets = [tweet(n, now_ms() - 60_000 + n * 200, f"acme {n}") for n in range(250)]
    server.post(tweets)
    cursor = json.dumps({"position": int(tweets[99]["id"]), "host": ""}).encode()
    running = source(server, cursor)
    found = set(gather(running, ids(tweets[100:])))
    assert ids(tweets[100:]) < found <= ids(tweets[70:])  # the order of the stream is no promise
    assert place(running.cursor()).position == int(tweets[99]["id"])
    late = [tweet(999, now_ms(), "acme now")]
    connected(server)
    server.post(late)
    gather(running, ids(late))
    assert place(running.cursor()).position == int(late[0]["id"])
    running.close()


def test_what_lies_too_far_back_is_a_gap(server: XServer) -> None:
    old = tweet(1, now_ms() - 10 * 86_400_000)
    cursor = json.dumps({"position": int(old["id"])}).encode()
    tweets = [tweet(n, now_ms() - 86_400_000 + n, f"acme {n}") for n in range(5)]
    server.post(tweets)
    status: list[bytes] = []
    wiring = Wiring("live", lambda: TOPICS, now_ms, publish=status.append)
    running = x(wiring, account(server), lambda: TOPICS, Meter(), cursor, options=FAST)
    gather(running, ids(tweets))
    until = time.monotonic() + 5
    while (not status or not json.loads(status[-1])["gaps"]) and time.monotonic() < until:
        running.read(10)
        time.sleep(0.05)
    running.close()
    lost, filled = json.loads(status[-1])["gaps"]
    assert (lost["filled"], filled["filled"]) == (False, True)
    assert lost["cause"] == "restart, too_long"
    assert abs((lost["to_ms"] - lost["from_ms"]) - 3 * 86_400_000) < 2 * 3_600_000


def test_the_budget_stops_the_reading_and_survives_a_restart(
    server: XServer, caplog: pytest.LogCaptureFixture
) -> None:
    tweets = [tweet(n, now_ms() + n, f"acme {n}") for n in range(50)]
    meter = Meter()
    running = source(server, meter=meter, cap=0.2)
    connected(server)
    with caplog.at_level(logging.WARNING):
        server.post(tweets)
        assert len(gather(running, ids(tweets), 2.0)) == 20
    running.close()
    assert "80 % of the monthly cap" in caplog.text
    assert "used up" in caplog.text
    again = source(server, meter=meter, cap=0.2)
    assert gather(again, ids(tweets), 0.5) == []
    again.close()
    assert sum(meter.values()) == 20


def test_a_month_has_an_end() -> None:
    at_ms = [1_795_000_000_000]  # 2026-11-18
    meter = Meter()
    budget = Budget(1.0, 10.0, meter, lambda: at_ms[0])
    assert budget.spent(10) == 1.0
    assert 11 * 86_400 < budget.next_month_s() < 13 * 86_400
    at_ms[0] += int(budget.next_month_s() * 1000)
    assert budget.spent(1) == 0.1
    assert set(meter) == {"2026-11", "2026-12"}


def test_refusals_are_the_operators_to_mend(server: XServer) -> None:
    bad = x(
        Wiring("live", lambda: TOPICS, now_ms),
        account(server, token="wrong"),
        lambda: TOPICS,
        Meter(),
        options=FAST,
    )
    with pytest.raises(UsageError, match="X refuses"):
        gather(bad, {"x:1"}, 5.0)
    bad.close()
    with pytest.raises(UsageError, match="can't be asked of X"):
        source(server, topics=parse_topics("topics: {t: 'lang:en'}", "t"))


def test_edited_topics_become_rules_without_a_restart(server: XServer) -> None:
    now = [TOPICS]
    running = x(
        Wiring("live", lambda: now[0], now_ms),
        account(server),
        lambda: now[0],
        Meter(),
        options=FAST,
    )
    connected(server)
    now[0] = parse_topics("topics: {initech: {query: initech, text_only: true}}", "t")
    until = time.monotonic() + 10
    while {r["value"] for r in server.rules.values()} != {"initech"}:
        assert time.monotonic() < until
        running.read(10)
        time.sleep(0.02)
    late = [tweet(5, now_ms(), "initech")]
    connected(server)
    server.post(late)
    assert gather(running, ids(late)) == sorted(ids(late))
    running.close()


def test_the_one_connection_is_explained(server: XServer, caplog: pytest.LogCaptureFixture) -> None:
    server.faults.append("limit")
    running = source(server)
    connected(server)
    running.close()
    assert "X allows one connection" in caplog.text


def test_estimates_cost_nothing_and_tell_the_month(server: XServer) -> None:
    server.post([tweet(n, now_ms(), "acme") for n in range(70)])
    found = {e.topic: (e.posts, e.cost) for e in estimate(account(server), TOPICS)}
    assert found == {"acme": (300, 3.0), "globex": (0, 0.0)}


def test_the_estimate_as_a_command(server: XServer, tmp_path: Path) -> None:
    server.post([tweet(n, now_ms(), "acme") for n in range(70)])
    topics = tmp_path / "topics.yaml"
    topics.write_text("topics: {acme: {query: acme, text_only: true}}")
    console = Console(file=StringIO(), width=100)
    settings = load_settings(x_api_url=server.url)
    with pytest.raises(UsageError, match="UNDERTONE_X_BEARER_TOKEN"):
        topics_estimate(settings, topics, console)
    known = settings.model_copy(update={"x_bearer_token": SecretStr("secret")})
    topics_estimate(known, topics, console)
    assert isinstance(console.file, StringIO)
    printed = console.file.getvalue()
    assert "300" in printed
    assert "1.50" in printed


def test_a_watch_is_told_of_the_host(server: XServer) -> None:
    status: list[bytes] = []
    wiring = Wiring("live", lambda: TOPICS, now_ms, publish=status.append)
    running = x(wiring, account(server), lambda: TOPICS, Meter(), options=FAST)
    connected(server)
    until = time.monotonic() + 10
    while not status or not json.loads(status[-1])["connected"]:
        assert time.monotonic() < until, status
        running._status_due_ms = 0
        running.read(1)
        time.sleep(0.01)
    running.close()
    assert isinstance(running._watch, Watch)
