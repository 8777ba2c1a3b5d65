"""Strangers' words and pictures: as they are in JSON, and gone once they are deleted."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import msgspec
import pytest

from services.attention import SIZE
from services.dashboard import schemas
from services.dashboard.app import Options
from services.records import Deletion
from services.store.alerts import Alert, Alerts, Decided, Explanation, PostRef
from services.store.posts import KeptPost
from tests.integration.dashboard.harness import NS, Listener, Site, serving
from tests.scores import START_MS, mark, scored
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> \u202eevil\u202c {{7*7}} ${7*7} "
    "]]> --> </style> \u0000\u2028\u2029 '\"; DROP " + "w" * 10_000
)
JPEG = b"\xff\xd8\xff" + b"jpeg" * 1_000


class OnePicture:
    def get(self, post: KeptPost, namespace: str) -> list[bytes | None]:
        return [JPEG, None]


@pytest.fixture
def site(valkey: ValkeyServer) -> Iterator[Site]:
    with serving(valkey.open, Options(pictures=OnePicture())) as opened:
        yield opened


def feed_hostile(site: Site) -> tuple[str, int]:
    post = msgspec.structs.replace(
        scored("1", 5_000, text=HOSTILE, score=-9_000, label=0),
        id="bluesky:did:plc:abc/3k..",
        url="javascript:alert(1)",
        author_name=HOSTILE[:300],
        attention=bytes(range(SIZE)),
        picture_urls=("https://elsewhere.example/1.jpg", "https://elsewhere.example/2.jpg"),
        topic="a brand & co",
    )
    site.bench.feed(post, scored("2", 6_000, topic="a brand & co"), mark(60_000))
    site.bench.flush()
    return post.id, post.created_at_ms


TOPIC = quote("a brand & co")


def test_hostile_words_go_out_as_they_are_in_json_alone(site: Site) -> None:
    post_id, created = feed_hostile(site)
    answer = site.get(f"topics/{TOPIC}/posts?namespace={NS}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-store"
    found = schemas.PostsPage.model_validate(answer.json())
    assert [post.id for post in found.posts] == [post_id, "x:2"]
    assert found.posts[0].text == HOSTILE
    assert found.posts[0].url == ""
    assert "elsewhere.example" not in answer.text
    path = f"topics/{TOPIC}/posts/{quote(post_id, safe='')}?namespace={NS}&created_at_ms={created}"
    detail = schemas.PostDetail.model_validate(site.json(path))
    assert detail.score == -0.9
    assert detail.label == "negative"
    assert detail.words
    for word in detail.words:
        assert HOSTILE[word.start : word.end] == word.text
    assert detail.regions is not None
    assert len(detail.regions.dmlanet) == 7


def test_pictures_are_our_own_bytes(site: Site) -> None:
    feed_hostile(site)
    post = site.json(f"topics/{TOPIC}/posts?namespace={NS}")["posts"][0]
    held, missing = post["pictures"]
    found = site.client.get(held)
    assert (found.status_code, found.content) == (200, JPEG)
    assert found.headers["content-type"] == "image/jpeg"
    assert found.headers["cache-control"] == "private, no-store"
    assert "content-encoding" not in found.headers
    assert site.client.get(missing).status_code == 404


def test_nothing_of_a_deleted_post_is_left(site: Site) -> None:
    post_id, created = feed_hostile(site)
    raise_alert(site, post_id, created)
    before = site.json(f"topics/{TOPIC}/posts?namespace={NS}")["posts"][0]
    alert = schemas.AlertItem.model_validate(site.json(f"alerts/one?namespace={NS}"))
    assert alert.explanation is not None
    assert [post.text for post in alert.explanation.posts_kept] == [HOSTILE]
    site.bench.feed(Deletion(post_id, NS, created + 1_000))
    site.bench.flush()
    after = site.json(f"topics/{TOPIC}/posts?namespace={NS}")["posts"]
    assert [post["id"] for post in after] == ["x:2"]
    path = f"topics/{TOPIC}/posts/{quote(post_id, safe='')}?namespace={NS}&created_at_ms={created}"
    site.get(path, 404)
    assert site.client.get(before["pictures"][0]).status_code == 404
    left = schemas.AlertItem.model_validate(site.json(f"alerts/one?namespace={NS}"))
    assert left.explanation is not None
    assert left.explanation.posts_kept == []


def test_phrases_are_counted_in_the_sample(site: Site) -> None:
    hour = 3_600_000
    calm = [scored(f"c{n}", n * 100_000, text=f"calm day {n}", author=f"c{n}") for n in range(30)]
    loud = [
        scored(f"l{n}", hour + n * 60_000, text="battery melted again", author=f"l{n}")
        for n in range(30)
    ]
    site.bench.feed(*calm, *loud, mark(2 * hour, ended=True))
    site.bench.flush()
    found = schemas.PhrasesPage.model_validate(
        site.json(
            f"topics/brand/phrases?namespace={NS}&from={START_MS + hour}&to={START_MS + 2 * hour}"
        )
    )
    assert found.sampled == 30
    assert found.sampled_before > 10
    assert any("battery" in phrase.text for phrase in found.phrases)


# -- alerts -------------------------------------------------------------------------


def raise_alert(
    site: Site, post_id: str = "x:1", created: int = START_MS, **changed: object
) -> Alert:
    """One alert in the store, as the engine writes it; `changed` fields of it."""
    alert = Alert(
        id="one", namespace=NS, topic="a brand & co", rule="mood", kind="negative_share",
        severity="critical", state="open", onset_ms=START_MS, opened_ms=START_MS + 60_000,
        changed_ms=START_MS + 60_000, resolved_ms=None, observed=0.8, expected=0.2, low=0.1,
        high=0.3, per_week=0.01, posts=40, negative=32, peak_observed=0.8,
        peak_ms=START_MS + 60_000,
        explanation=Explanation(
            authors=3, posts=40, top_posts=(PostRef(post_id, created, -0.9, 0),)
        ),
    )  # fmt: skip
    alert = msgspec.structs.replace(alert, **changed)
    alerts = Alerts(site.store)
    judged = alerts.judged(NS).evaluated_ms
    (token,) = alerts.hold([NS], "test", 60_000).values()
    if judged is None:
        alerts.begin(NS, token, 0)
    alerts.commit(NS, token, judged, Decided((judged or START_MS) + 60_000, alerts=[alert]))
    return alert


def test_alerts_in_lists_series_and_rows(site: Site) -> None:
    feed_hostile(site)
    raise_alert(site)
    found = schemas.AlertsPage.model_validate(site.json(f"alerts?namespace={NS}"))
    assert [(a.id, a.state, a.explanation) for a in found.alerts] == [("one", "open", None)]
    assert site.json(f"alerts?namespace={NS}&state=resolved")["alerts"] == []
    assert site.json(f"alerts?namespace={NS}&topic=other")["alerts"] == []
    assert site.json(f"alerts?namespace={NS}&to={START_MS + 60_000}")["alerts"] == []
    series = schemas.Series.model_validate(
        site.json(f"topics/{TOPIC}/series?namespace={NS}&from={START_MS}&to={START_MS + 600_000}")
    )
    assert [a.id for a in series.alerts] == ["one"]
    row = site.json(f"topics?namespace={NS}")["topics"][0]
    assert row["alert"] == {"id": "one", "state": "open", "severity": "critical"}
    assert site.json(f"topics/{TOPIC}?namespace={NS}")["alert"]["id"] == "one"


def test_alerts_are_told_as_they_open_and_end(site: Site) -> None:
    feed_hostile(site)
    listener = Listener(site)
    listener.next("resync")
    raise_alert(site)
    told = schemas.AlertEvent.model_validate(listener.next("alert", 3))
    assert (told.alert.id, told.alert.state) == ("one", "open")
    assert listener.next("figures")["topics"][0]["alert"]["severity"] == "critical"
    raise_alert(site, state="resolved", resolved_ms=START_MS + 120_000, sequence=2)
    assert listener.next("alert", 3)["alert"]["state"] == "resolved"
    assert listener.next("figures")["topics"][0]["alert"] is None
    listener.close()
