"""What live sources keep in a real Valkey, and what opening one needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.errors import UsageError
from services.ingest.bluesky import account_of
from services.ingest.draft import Gone
from services.ingest.gaps import Watch
from services.ingest.live_source import place
from services.ingest.removals import Removals
from services.ingest.sources import open_live, x_account
from services.records import REPOST, Post
from services.settings import load_settings
from services.store import Store, open_store
from services.store.sources import Accounts, Originals, publish_status, spend, statuses
from services.topics import parse_topics
from tests.simulators.jetstream import JetstreamServer, Log, generate

pytestmark = pytest.mark.integration

NOW_MS = 1_800_000_000_000
TOPICS = parse_topics("topics:\n  acme: {query: acme, text_only: true}\n", "t")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store("embedded://", data_dir=tmp_path_factory.mktemp("store"))
    yield opened
    opened.close()


def post(ident: str, kind: str = "post", original: str = "") -> Post:
    return Post(ident, "live", "bluesky", 0, 0, "", (), kind=kind, original_id=original)


def test_status_of_each_source(store: Store) -> None:
    watch = Watch("bluesky", lambda: NOW_MS)
    watch.gap(1, 2, "silent", filled=False)
    publish_status(store.client, "live", "bluesky", watch.status().to_json())
    publish_status(store.client, "live", "bluesky", watch.status().to_json())
    (status,) = statuses(store.client, "live").values()
    assert json.loads(status)["gaps"] == [
        {"from_ms": 1, "to_ms": 2, "cause": "silent", "filled": False}
    ]
    assert statuses(store.client, "other") == {}


def test_removals_find_posts_reposts_and_accounts(store: Store) -> None:
    removals = Removals(Accounts(store.client, "live"), account_of)
    removals.note([])
    removals.note([post("b:ann/1"), post("b:bob/repost/2", REPOST, "b:ann/1")])
    assert removals.ids(Gone("b:ann/1")) == ["b:ann/1", "b:bob/repost/2"]
    assert removals.ids(Gone("b:bob")) == ["b:bob/repost/2"]
    assert removals.ids(Gone("b:eve/1")) == []
    (ttl_ms,) = store.client.pipe([("PTTL", "ut:{live}:account:b:ann")])
    assert 2 * 86_400_000 < ttl_ms <= 3 * 86_400_000


def test_originals_are_kept_for_a_day_and_forgotten_on_demand(store: Store) -> None:
    originals = Originals(store.client, "live")
    assert originals.recall([]) == []
    originals.remember([("b:1", b"one"), ("b:2", b"two")])
    originals.forget(["b:2"])
    assert originals.recall(["b:1", "b:2", "b:3"]) == [b"one", None, None]
    (ttl_ms,) = store.client.pipe([("PTTL", "ut:{live}:original:b:1")])
    assert 0 < ttl_ms <= 86_400_000


def test_spending_adds_up_per_month(store: Store) -> None:
    assert spend(store.client, "live", "x", "2026-11", 3) == 3
    assert spend(store.client, "live", "x", "2026-11", 4) == 7
    assert spend(store.client, "live", "x", "2026-12", 1) == 1


def test_a_source_goes_on_from_its_saved_cursor(store: Store, tmp_path: Path) -> None:
    log = Log()
    log.add(generate(200, start_us=(NOW_MS - 60_000) * 1000))
    with JetstreamServer(log) as server:
        settings = load_settings(bluesky_hosts=server.url, data_dir=tmp_path)
        store.save_cursor(
            "live", "bluesky", json.dumps({"position": log.times[0], "host": server.url}).encode()
        )
        source = open_live("bluesky", settings, store, lambda: TOPICS, lambda: NOW_MS, None)
        found: set[str] = set()
        while len(found) < 30:
            found |= {item.id for item in source.read(100) if isinstance(item, Post)}
        assert place(source.cursor()).position > log.times[0]
        source.close()
    assert json.loads(statuses(store.client, "live")["bluesky"])["source"] == "bluesky"


def test_what_a_source_lacks_is_said_with_the_settings_name(store: Store) -> None:
    for name, expected in (
        ("mastodon", "UNDERTONE_MASTODON_TOKEN"),
        ("x", "UNDERTONE_X_BEARER_TOKEN"),
        ("myspace", "none of bluesky, mastodon, x"),
    ):
        with pytest.raises(UsageError, match=expected):
            open_live(name, load_settings(), store, lambda: TOPICS, lambda: NOW_MS, None)
    with pytest.raises(UsageError, match="UNDERTONE_X_MONTHLY_CAP"):
        x_account(load_settings().model_copy(update={"x_bearer_token": SecretStr("t")}))
