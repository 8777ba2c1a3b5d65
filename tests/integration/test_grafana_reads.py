"""What the panels ask of the dashboard's API is answered, with rows in them: on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from services.aggregation.stage import AggregationStage, Options
from services.dashboard.app import Options as Served
from services.dashboard.backend import Backend
from services.dashboard.server import Address, DashboardServer
from services.grafana.dashboards import dashboards
from services.grafana.queries import API_UID
from services.grafana.sources import sources
from services.store.alerts import Alert, Alerts, Decided
from tests.scores import SCORES, START_MS, everything, mark, scored, send, streams
from tests.servers.valkey import ValkeyServer
from tests.simulators.infinity import rows

pytestmark = pytest.mark.integration
TOKEN = "sixteen-characters"
TOPIC = "north & wind: ältere=1%"
NAMESPACE = "replay-1"
MINUTE_MS = 60_000
Json = dict[str, Any]

BOARDS = {board["uid"]: board for board in dashboards()}
OPTIONAL = {"Until", "timeEnd", "Author", "Change"}
"""Columns that hold nothing while an alert is open and there is no window before."""
EMPTY = {"Words that rose", "Source gaps"}
"""So few posts hold no news, and a replay has no gaps."""


@pytest.fixture(scope="module")
def source() -> Iterator[Json]:
    """The data source of a dashboard over a topic with an awkward name, forty posts, an alert."""
    with ExitStack() as stack:
        valkey = ValkeyServer().start()
        stack.callback(valkey.stop)
        store = valkey.open()
        stack.callback(store.close)
        _count_posts(store)
        _raise_alert(store)
        backend = Backend(valkey.open(), live="live", clock_ms=lambda: START_MS + 3 * MINUTE_MS)
        server = DashboardServer(backend, Address("127.0.0.1", 0), Served(token=TOKEN))
        stack.callback(server.close)
        yield sources(server.url, TOKEN, "http://prometheus:9090")[0]


def _count_posts(store: Any) -> None:
    made = streams()
    stage = AggregationStage(store, made, Options(SCORES))
    stage.assigned([0])
    labels = [(0, -6_000), (1, 0), (2, 7_000), (0, -8_000)]
    send(
        made,
        [
            scored(
                str(n),
                n * 3_000,
                topic=TOPIC,
                label=labels[n % 4][0],
                score=labels[n % 4][1],
                author=f"a{n}",
                text='tea, "milk"\nand sugar',
            )
            for n in range(40)
        ]
        + [mark(3 * MINUTE_MS)],
    )
    stage.submit(everything(made, 0)).result()
    stage.flush({0: made.ends(SCORES)[0]})
    stage.settle()


def _raise_alert(store: Any) -> None:
    alerts, at = Alerts(store), START_MS + 2 * MINUTE_MS
    alert = Alert(
        id="0123456789abcdef", namespace=NAMESPACE, topic=TOPIC, rule="mood",
        kind="negative_share", severity="critical", state="open",
        onset_ms=START_MS + MINUTE_MS, opened_ms=at, changed_ms=at, resolved_ms=None,
        observed=0.5, expected=0.2, low=0.1, high=0.3, per_week=0.01,
        posts=40, negative=20, peak_observed=0.5, peak_ms=at,
    )  # fmt: skip
    token = alerts.hold([NAMESPACE], "test", 10_000)[NAMESPACE]
    alerts.begin(NAMESPACE, token, 0)
    alerts.commit(NAMESPACE, token, None, Decided(evaluated_ms=at, alerts=[alert]))


@pytest.fixture
def variables() -> dict[str, str]:
    return {
        "namespace": NAMESPACE,
        "topic": TOPIC,
        "window": "15m",
        "__from": str(START_MS),
        "__to": str(START_MS + 3 * MINUTE_MS),
    }


def asked(board: Json) -> Iterator[tuple[str, Json]]:
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], {**annotation["target"], "datasource": annotation["datasource"]}


CASES = [
    pytest.param(title, query, id=f"{uid}-{title}")
    for uid, board in BOARDS.items()
    for title, query in asked(board)
    if query["datasource"]["uid"] == API_UID
]


@pytest.mark.parametrize(("title", "query"), CASES)
def test_a_panel_has_something_to_draw(
    title: str, query: Json, source: Json, variables: dict[str, str]
) -> None:
    found = rows(source, query, variables)
    if title in EMPTY:
        assert found == []
        return
    assert found
    for column in query["columns"]:
        filled = [row[column["text"]] for row in found if row[column["text"]] is not None]
        assert filled or column["text"] in OPTIONAL, column["text"]


def test_variables_offer_what_there_is(source: Json, variables: dict[str, str]) -> None:
    offered = {
        variable["name"]: [next(iter(row.values())) for row in rows(source, query, variables)]
        for variable in BOARDS["undertone-topic"]["templating"]["list"]
        if variable["type"] == "query"
        for query in [variable["query"]["infinityQuery"]]
    }
    assert offered == {"namespace": [NAMESPACE], "topic": [TOPIC]}


def test_a_panel_shows_the_figures_of_the_store(source: Json, variables: dict[str, str]) -> None:
    def panel(title: str) -> list[Json]:
        (query,) = [q for name, q in asked(BOARDS["undertone-topic"]) if name == title]
        return rows(source, query, variables)

    panes = panel("Posts by sentiment")
    assert [sum(pane[name] for pane in panes) for name in ("Negative", "Neutral", "Positive")] == [
        20,
        10,
        10,
    ]
    assert {pane["Time"] % 10_000 for pane in panes} == {0}
    assert panel("Posts") == [{"Posts": 40.0}]
    assert panel("Negative") == [{"Negative": 0.5}]
    (alert,) = panel("Its alerts")
    assert (alert["Severity"], alert["Observed"], alert["Until"]) == ("critical", 0.5, None)
    assert {post["Text"] for post in panel("Posts that weigh most")} == {'tea, "milk"\nand sugar'}
