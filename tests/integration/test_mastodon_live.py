"""Mastodon's streaming with catching up, against a server that fails on demand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from services.errors import BadRecord, UsageError
from services.ingest.draft import Draft, Gone
from services.ingest.gaps import Watch
from services.ingest.live import Backoff
from services.ingest.mastodon_events import Events
from services.ingest.mastodon_socket import PAGE, MastodonSocket, Tuning
from services.ingest.removals import Removals
from tests.simulators.mastodon import MastodonServer, status
from tests.unit.ingest_live.live_bench import FakeIndex

pytestmark = pytest.mark.integration

FAST = Tuning(
    rewind_s=5.0, silence_s=0.6, open_s=2.0, page_pause_s=0.0, backoff=Backoff(first_s=0.05)
)
ALL = 600


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as running:
        yield running


@pytest.fixture
def watch() -> Watch:
    return Watch("mastodon", now_ms)


def ids(messages: list[bytes]) -> set[str]:
    events, found = Events("here.test"), set()
    for message in messages:
        try:
            found |= {d.id for d in events.parse(message) if isinstance(d, Draft)}
        except BadRecord:
            assert b'"upd' in message
    return found


def gather(socket: MastodonSocket, wanted: set[str], most_s: float = 20.0) -> set[str]:
    taken: list[bytes] = []
    until = time.monotonic() + most_s
    while not wanted <= ids(taken) and time.monotonic() < until:
        taken += [m for m, _ in socket.take(500, 0.2)]
    return ids(taken)


def wait_until(holds: Callable[[], bool], most_s: float = 20.0) -> None:
    until = time.monotonic() + most_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def wait_connected(watch: Watch) -> None:
    wait_until(lambda: watch.status().connected)


@pytest.mark.parametrize("fault", ["drop", "stall", "garbage", "duplicate", "reorder"])
def test_what_the_stream_lost_is_fetched(fault: str, server: MastodonServer, watch: Watch) -> None:
    start_ms = now_ms()
    posts = [status(n, start_ms - ALL + n) for n in range(ALL)]
    expected = {f"mastodon:here.test/{s['id']}" for s in posts}
    socket = MastodonSocket(watch, server.url, "secret", tuning=FAST)
    wait_connected(watch)
    server.faults += ["", fault, "", "http_503", "http_429"]
    for number in range(0, ALL, 50):
        server.post(posts[number : number + 50])
        time.sleep(0.1)
    assert gather(socket, expected) == expected
    socket.close()
    assert watch.status().lost_ms == 0
    assert watch.status().last_event_ms == start_ms - 1


def test_from_a_cursor_the_timeline_fills_in(server: MastodonServer, watch: Watch) -> None:
    posts = [status(n, now_ms() - 60_000 + 100 * n) for n in range(ALL)]
    server.post(posts)
    socket = MastodonSocket(watch, server.url, "secret", cursor=posts[99]["id"], tuning=FAST)
    expected = {f"mastodon:here.test/{s['id']}" for s in posts[100:]}
    assert gather(socket, expected) >= expected
    wait_connected(watch)
    socket.close()
    (gap,) = watch.status().gaps
    assert gap.filled
    assert gap.cause == "restart"


def test_what_came_late_is_looked_for_where_it_mostly_lies(
    server: MastodonServer, watch: Watch
) -> None:
    start_ms = now_ms() - 60_000
    posts = [status(n, start_ms + 10 * n) for n in range(ALL)]
    server.post(posts)
    tuning = Tuning(rewind_s=300, silence_s=5, page_pause_s=0, late_pages=3)
    socket = MastodonSocket(watch, server.url, "secret", cursor=posts[-1]["id"], tuning=tuning)
    expected = {f"mastodon:here.test/{s['id']}" for s in posts[-100:]}
    found = gather(socket, expected)
    socket.close()
    assert expected <= found
    assert len(found) == 3 * PAGE
    assert watch.status().lost_ms == 0


def test_a_catch_up_that_is_too_long_is_a_gap(server: MastodonServer, watch: Watch) -> None:
    posts = [status(n, now_ms() - 60_000 + 100 * n) for n in range(ALL)]
    server.post(posts)
    tuning = Tuning(rewind_s=0, silence_s=5, page_pause_s=0, pages=5, late_pages=0)
    socket = MastodonSocket(watch, server.url, "secret", cursor=posts[0]["id"], tuning=tuning)
    wait_until(lambda: len(watch.status().gaps) == 2)
    assert len(gather(socket, {"all"}, 1.0)) == 5 * 40
    socket.close()
    lost, filled = watch.status().gaps
    assert (lost.filled, filled.filled) == (False, True)
    assert lost.from_ms == filled.to_ms == int(posts[200]["id"]) >> 16


def test_a_wrong_token_is_a_status_and_not_a_crash(server: MastodonServer, watch: Watch) -> None:
    socket = MastodonSocket(watch, server.url, "wrong", tuning=FAST)
    wait_until(lambda: watch.status().cause == "http_401")
    assert socket.take(10, 0.1) == []
    socket.close()
    with pytest.raises(UsageError, match="public:local"):
        MastodonSocket(watch, server.url, "secret", stream="home")


def test_edits_and_deletes_take_words_back() -> None:
    index = FakeIndex()
    events, removals = Events("here.test", index), Removals(index, str)
    away = status(7, now_ms(), host="away.test")
    here = status(8, now_ms())
    update = json.dumps({"event": "update", "payload": json.dumps(away)}).encode()
    (draft,) = events.parse(update)
    assert isinstance(draft, Draft)
    edit = json.dumps({"event": "status.update", "payload": json.dumps(away)}).encode()
    assert events.parse(edit) == [Gone(draft.id)]
    (other,) = events.parse(json.dumps(here).encode())
    assert isinstance(other, Draft)
    events.keep([draft, other], [])
    index.note([(other.id, other.id)])  # as `Removals.note` does with what is passed on
    for known, expected in ((away, draft.id), (here, other.id)):
        delete = json.dumps({"event": "delete", "payload": known["id"]}).encode()
        (gone,) = events.parse(delete)
        assert gone == Gone(f"mastodon:here.test/{known['id']}")
        assert isinstance(gone, Gone)
        assert removals.ids(gone) == [expected]
    assert events.parse(json.dumps({"event": "filters_changed"}).encode()) == []
    assert ids([json.dumps(here).encode()]) == {f"mastodon:here.test/{here['id']}"}
