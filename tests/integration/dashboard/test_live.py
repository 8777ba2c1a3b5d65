"""Live events, a store that goes away and comes back, the server's end."""

from __future__ import annotations

import time

import pytest

from services.dashboard import schemas
from services.dashboard.app import Options
from services.dashboard.backend import Backend
from services.dashboard.server import Address, DashboardServer
from services.errors import UsageError
from services.store.source_status import Status
from services.store.sources import publish_status
from services.store.vitals import Hop, Process, Vitals
from tests.integration.dashboard.harness import HERE, NS, Listener, Site, serving
from tests.scores import mark, scored
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration


def post(site: Site, number: int, topic: str = "brand") -> None:
    site.bench.feed(scored(str(number), number * 1_000, topic=topic), mark(number * 1_000))
    site.bench.flush()
    site.bench.stage.settle()


def test_a_change_arrives_within_two_seconds_and_as_the_overview_has_it(site: Site) -> None:
    post(site, 1)
    listener = Listener(site)
    assert listener.response.headers["content-type"].startswith("text/event-stream")
    assert listener.response.headers["cache-control"] == "no-store"
    schemas.ResyncEvent.model_validate(listener.next("resync"))
    begun = time.monotonic()
    post(site, 2)
    told = listener.next("figures")
    assert time.monotonic() - begun < 2
    assert schemas.FiguresEvent.model_validate(told)
    assert told["topics"] == site.json(f"topics?namespace={NS}")["topics"]
    listener.close()


def test_only_topics_on_the_screen_are_told(site: Site) -> None:
    post(site, 1, "mine")
    mine, all_of_them = Listener(site, f"namespace={NS}&topic=mine&topic=more"), Listener(site)
    for listener in (mine, all_of_them):
        listener.next("resync")
    post(site, 2, "other")
    assert [r["topic"] for r in all_of_them.next("figures")["topics"]] == ["other"]
    post(site, 3, "mine")
    told = mine.next("figures")["topics"]
    assert [r["topic"] for r in told] == ["mine"]
    for listener in (mine, all_of_them):
        listener.close()


def test_who_missed_nothing_is_not_told_to_ask_anew(site: Site) -> None:
    post(site, 1)
    first = Listener(site)
    first.next("resync")
    post(site, 2)
    first.next("figures")
    last_id = first.last_id
    first.close()
    again = Listener(site, last_event_id=last_id)
    post(site, 3)
    again.next("figures")
    again.close()
    late = Listener(site, last_event_id=last_id)
    assert late.next("resync")["reason"] == "events were missed"
    late.close()


def test_the_head_of_events_ends(site: Site) -> None:
    post(site, 1)
    found = site.client.head(f"/api/v1/events?namespace={NS}", timeout=5)
    assert (found.status_code, found.content) == (200, b"")


# -- a store that goes away -----------------------------------------------------------


def test_the_store_restarts_and_all_goes_on(own_valkey: ValkeyServer) -> None:
    with serving(own_valkey.open) as site:
        post(site, 1)
        listener = Listener(site)
        listener.next("resync")
        before = site.json(f"topics?namespace={NS}")
        own_valkey.kill()
        schemas.TroubleEvent.model_validate(listener.next("trouble"))
        for path in (f"topics?namespace={NS}", f"topics/brand/series?namespace={NS}", "alerts"):
            found = site.get(path, 503)
            assert found.headers["content-type"] == "application/problem+json"
            assert found.headers["retry-after"]
        assert site.get("health", 503).json()["store"] is False
        assert site.client.get("/").status_code == 200
        own_valkey.start()
        assert listener.next("resync", 10)["reason"] == "the store is back"
        assert site.json(f"topics?namespace={NS}")["topics"] == before["topics"]
        schemas.Health.model_validate(site.json("health"))
        listener.close()


# -- the server's end -----------------------------------------------------------------


def test_it_ends_within_a_second_whoever_listens(valkey: ValkeyServer) -> None:
    with serving(valkey.open) as site:
        post(site, 1)
        listeners = [Listener(site) for _ in range(5)]
        for listener in listeners:
            listener.next("resync")
        begun = time.monotonic()
        site.server.close()
        took = time.monotonic() - begun
        assert all(listener.ended.wait(5) for listener in listeners)
        assert took < 1.5
        for listener in listeners:
            listener.close()


def test_a_port_that_is_taken(site: Site) -> None:
    backend = Backend(site.store, live="live", clock_ms=lambda: 0)
    with pytest.raises(UsageError, match="--port"):
        DashboardServer(backend, Address(HERE, site.server.port), Options())
    other = DashboardServer(backend, Address(HERE, site.server.port, or_next=True), Options())
    assert other.port > site.server.port
    other.close()


def test_operations_and_gaps(site: Site) -> None:
    post(site, 1)
    found = schemas.Operations.model_validate(site.json("operations"))
    assert [n.name for n in found.namespaces] == ["live", NS]
    assert schemas.GapsPage.model_validate(site.json(f"gaps?namespace={NS}")).gaps == []


def test_a_source_that_is_away_is_told_while_somebody_reads_it(site: Site) -> None:
    for name, connected, cause in (("bluesky", False, "silent"), ("x", False, "http_503")):
        said = Status(name, connected, 1, "", cause, 0, 0, 0, 0, 0, ()).to_json()
        publish_status(site.store.client, "live", name, said)
    hops = [Hop(stage="ingest", source="bluesky"), Hop(stage="inference")]
    reader = Process(
        id="a", command="run", host="a", pid=1, versions={}, started_ms=1, at_ms=1, healthy=True,
        hops=hops,
    )  # fmt: skip
    Vitals(site.store.client).publish(reader)
    found = schemas.Health.model_validate(site.json("health"))
    assert found.reasons == ["bluesky is not connected: silent"]
    assert not found.healthy
    Vitals(site.store.client).remove("a")
    assert site.json("health")["reasons"] == []
