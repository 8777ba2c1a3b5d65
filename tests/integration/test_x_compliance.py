"""Posts of X that are deleted later: found out by batch compliance jobs, and gone everywhere."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator

import pytest

from services import metrics
from services.errors import UsageError
from services.ingest.exchange import exchange
from services.ingest.fetch_http import FetchFailed
from services.ingest.live_source import Wiring, place
from services.ingest.removals import Removals
from services.ingest.x import x
from services.ingest.x_api import XApi
from services.ingest.x_compliance import JobFailed, Recheck, Timing, messages
from services.ingest.x_socket import Options
from services.net import Policy
from services.records import Deletion, Post
from services.store.sources import Accounts
from tests.integration.test_x_live import TOPICS, Meter, account, connected, now_ms
from tests.servers.valkey import ValkeyServer
from tests.simulators.x import XServer, tweet

pytestmark = pytest.mark.integration

HERE = Policy(allow=(ipaddress.ip_network("127.0.0.0/8"),), ports=None)
FAST = Timing(every_s=0.2, first_s=0.05, again_s=0.1, poll_s=0.01, give_up_s=1.0)


@pytest.fixture
def server() -> Iterator[XServer]:
    with XServer() as running:
        yield running


def recheck(server: XServer, *ids: str, policy: Policy = HERE) -> Recheck:
    api = XApi(account(server).token, server.url)
    return Recheck(api, lambda: ids, now_ms, timing=FAST, policy=policy)


def test_a_job_tells_what_is_gone_of_what_we_keep(server: XServer) -> None:
    server.deleted = {"1": "deleted", "2": "suspended", "3": "scrub_geo", "9": "deleted"}
    asking = recheck(server, "x:1", "x:2", "x:3", "x:4", "bluesky:did:plc:a")
    assert asking.once() == 2
    (job,) = server.jobs.values()
    assert job["ids"] == ["1", "2", "3", "4"]
    assert [b'"id": "1"' in found for found in asking.take()] == [True, False]
    assert asking.take() == []
    seen = metrics.RECHECKED.labels("x")._value.get()
    assert abs(seen - time.time()) < 60


def test_nothing_kept_is_nothing_asked(server: XServer) -> None:
    assert recheck(server).once() == 0
    assert not server.jobs


def test_a_plan_without_jobs_is_told_and_a_failed_job_is_one(server: XServer) -> None:
    server.faults.append("job_403")
    with pytest.raises(UsageError, match="X refuses"):
        recheck(server, "x:1").once()
    asking = recheck(server, "x:1")
    real = asking._api.compliance_status
    asking._api.compliance_status = lambda job: real(job) and "failed"  # type: ignore[method-assign]
    with pytest.raises(JobFailed, match="failed"):
        asking.once()


def test_urls_of_a_job_are_no_way_into_our_network(server: XServer) -> None:
    with pytest.raises(FetchFailed, match="which is not public"):
        recheck(server, "x:1", policy=Policy(ports=None)).once()
    with pytest.raises(FetchFailed, match="http_401"):
        exchange(HERE, "GET", f"{server.url}/2/tweets/search/recent")
    server.deleted = {"1": "deleted"}
    asking = recheck(server, "x:1")
    asking.once()
    with pytest.raises(FetchFailed, match="more than 10 bytes"):
        exchange(HERE, "GET", f"{server.url}/jobs/{list(server.jobs)[-1]}", most=10)


def test_results_that_make_no_sense_delete_nothing() -> None:
    lines = [b'{"id": "1", "action": "keep"}', b"nonsense", b"[]", b'{"action": "delete"}',
             b'{"id": "2", "action": "delete", "reason": "deleted"}', b""]  # fmt: skip
    assert len(messages(b"\n".join(lines), {"1", "2"})) == 1
    assert messages(b"\n".join(lines), {"1"}) == []


def test_a_deleted_post_and_its_reposts_become_deletions(
    server: XServer, valkey: ValkeyServer
) -> None:
    store = valkey.open()
    index = Accounts(store.client, "live")
    tweets = [tweet(n, now_ms() + n, f"acme {n}") for n in range(4)]
    tweets[3]["text"] = "RT @someone: acme 1"
    tweets[3]["referenced_tweets"] = [{"type": "retweeted", "id": tweets[1]["id"]}]
    asking = Recheck(XApi(account(server).token, server.url), index.all, now_ms, timing=FAST,
                     policy=HERE)  # fmt: skip
    running = x(
        Wiring("live", lambda: TOPICS, now_ms, removals=Removals(index, str)),
        account(server),
        lambda: TOPICS,
        Meter(),
        options=Options(hurry=0.01),
        recheck=asking,
    )
    connected(server)
    server.faults.append("job_503")  # once; then it works
    server.post(tweets)
    server.deleted = {tweets[1]["id"]: "deleted", tweets[2]["id"]: "suspended"}
    wanted = {f"x:{tweets[n]['id']}" for n in (1, 2, 3)}
    posts: set[str] = set()
    gone: set[str] = set()
    until = time.monotonic() + 20
    while gone != wanted and time.monotonic() < until:
        for item in running.read(100):
            if isinstance(item, Deletion):
                gone.add(item.id)
            elif isinstance(item, Post):
                posts.add(item.id)
        time.sleep(0.01)
    position = place(running.cursor()).position
    running.close()
    store.close()
    assert gone == wanted
    assert len(posts) == 4
    assert position == int(tweets[3]["id"])
