"""The fetcher's manners and memory, on an injected clock."""

from __future__ import annotations

from services.ingest.fetch_limits import HOSTS, Fetched, HostLimits, Hosts, Recent


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_goes_out_at_once_and_the_rest_in_turn() -> None:
    clock = Clock()
    hosts = Hosts(HostLimits(per_s=10, burst=3), clock)
    waits = [hosts.reserve("a", 5.0) for _ in range(5)]
    assert [round(w or 0, 6) for w in waits] == [0, 0, 0, 0.1, 0.2]
    assert hosts.reserve("b", 5.0) == 0
    clock.now_s = 10.0
    assert [hosts.reserve("a", 5.0) for _ in range(3)] == [0, 0, 0]


def test_who_would_wait_too_long_takes_no_place() -> None:
    hosts = Hosts(HostLimits(per_s=1, burst=1), Clock())
    assert hosts.reserve("a", 1.0) == 0
    assert hosts.reserve("a", 1.0) == 1
    assert [hosts.reserve("a", 1.0) for _ in range(3)] == [None] * 3
    assert hosts.reserve("a", 2.0) == 2


def test_a_host_that_never_answers_is_left_alone() -> None:
    clock = Clock()
    hosts = Hosts(HostLimits(failures=3, rest_s=60), clock)
    for _ in range(2):
        hosts.missed("a")
    hosts.answered("a")
    for _ in range(2):
        hosts.missed("a")
    assert not hosts.rests("a")
    hosts.missed("a")
    assert hosts.rests("a")
    clock.now_s = 60.0
    assert not hosts.rests("a")


def test_a_host_that_asks_for_a_pause_gets_one_but_not_for_ever() -> None:
    clock = Clock()
    hosts = Hosts(HostLimits(rest_s=60), clock)
    hosts.hold("a", 86_400)
    clock.now_s = 59.0
    assert hosts.rests("a")
    clock.now_s = 61.0
    assert not hosts.rests("a")


def test_hosts_are_bounded() -> None:
    hosts = Hosts(HostLimits(failures=1), Clock())
    hosts.missed("first")
    for number in range(HOSTS):
        hosts.answered(f"host-{number}")
    assert not hosts.rests("first")


def test_outcomes_are_remembered_for_as_long_as_they_deserve() -> None:
    clock = Clock()
    recent = Recent(clock, kept_s=600, failed_s=3600, temporary_s=60)
    recent.put("ok", Fetched(jpeg=b"jpeg"))
    recent.put("gone", Fetched(reason="http_404"))
    recent.put("busy", Fetched(reason="http_503"), temporary=True)
    clock.now_s = 59.0
    assert recent.get("busy") == Fetched(reason="http_503")
    clock.now_s = 61.0
    assert recent.get("busy") is None
    assert recent.get("ok") == Fetched(jpeg=b"jpeg")
    clock.now_s = 601.0
    assert recent.get("ok") is None
    assert recent.get("gone") == Fetched(reason="http_404")


def test_memory_is_bounded_in_bytes_and_the_least_asked_for_leaves() -> None:
    recent = Recent(Clock(), max_bytes=10_000)
    recent.put("a", Fetched(jpeg=bytes(4000)))
    recent.put("b", Fetched(jpeg=bytes(4000)))
    assert recent.get("a") is not None
    recent.put("c", Fetched(jpeg=bytes(4000)))
    assert recent.get("b") is None
    assert recent.get("a") is not None
    recent.put("huge", Fetched(jpeg=bytes(20_000)))
    assert recent.get("huge") is None
