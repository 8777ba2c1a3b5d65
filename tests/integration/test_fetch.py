"""The media fetcher in everyday weather: TLS, retries, manners, memory, smaller renditions."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Sequence

import pytest
import trustme

from services.ingest.fetch import Fetcher, HostLimits, Limits
from services.net import Policy
from tests.simulators import hostile
from tests.simulators.pictures import PictureServer, answer

pytestmark = pytest.mark.integration


def resolver(host: str, port: int) -> Sequence[str]:
    if host.endswith(".test"):
        return ["127.0.0.1"]
    raise OSError(f"no such name: {host}")


POLICY = Policy(allow=(ipaddress.ip_network("127.0.0.1/32"),), ports=None, resolver=resolver)


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer() as running:
        running.routes["/good.jpg"] = hostile.picture()
        yield running


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    running = Fetcher(POLICY, Limits(total_s=5.0, read_s=1.0))
    yield running
    running.close()


def test_a_batch_keeps_its_order_and_asks_for_a_url_once(
    server: PictureServer, fetcher: Fetcher
) -> None:
    good, gone = server.url("/good.jpg"), server.url("/gone.jpg")
    outcomes = fetcher.fetch_many([good, gone, good, "ftp://pictures.test/", good])
    assert [o.reason for o in outcomes] == ["", "http_404", "", "scheme_refused", ""]
    assert outcomes[0].jpeg == outcomes[2].jpeg
    assert sorted(server.paths()) == ["/gone.jpg", "/good.jpg"]
    assert fetcher.fetch_many([gone, good]) == [outcomes[1], outcomes[0]]
    assert len(server.requests) == 2
    assert fetcher.fetch_many([]) == []


@pytest.mark.parametrize(
    ("form", "mode"),
    [("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGBA"), ("GIF", "P"), ("PNG", "L")],
)
def test_formats_are_known_by_content(
    form: str, mode: str, server: PictureServer, fetcher: Fetcher
) -> None:
    server.routes["/a.html"] = answer(
        hostile.picture(form=form, mode=mode), content_type="text/html"
    )
    (outcome,) = fetcher.fetch_many([server.url("/a.html")])
    assert outcome.jpeg is not None
    assert outcome.jpeg.startswith(b"\xff\xd8\xff")


def test_connections_are_kept_and_nothing_private_is_sent(
    server: PictureServer, fetcher: Fetcher
) -> None:
    for number in range(5):
        server.routes[f"/{number}.jpg"] = answer(hostile.picture(), set_cookie="id=1")
        assert fetcher.fetch_many([server.url(f"/{number}.jpg")])[0].jpeg
    assert server.connections == 1
    for _, fields in server.requests:
        assert set(fields) == {"host", "user-agent", "accept", "accept-encoding"}
        assert fields["host"] == f"pictures.test:{server.port}"


def failing(server: PictureServer, times: int, *, status: str = "503 Busy", **fields: str) -> str:
    """A URL that fails some times and then has a picture."""
    left = iter([answer(b"", status, connection="close", **fields)] * times)

    def route(connection: socket.socket) -> None:
        connection.sendall(next(left, answer(hostile.picture(), connection="close")))

    server.routes["/flaky.jpg"] = route
    return server.url("/flaky.jpg")


@pytest.mark.parametrize("status", ["503 Busy", "429 Slow Down", "500 Oh", "502 Bad"])
def test_what_is_temporary_is_tried_again(
    status: str, server: PictureServer, fetcher: Fetcher
) -> None:
    assert fetcher.fetch_many([failing(server, 2, status=status)])[0].jpeg is not None
    assert len(server.requests) == 3


def test_what_is_lasting_is_not(server: PictureServer, fetcher: Fetcher) -> None:
    (outcome,) = fetcher.fetch_many([failing(server, 1, status="410 Gone")])
    assert outcome.reason == "http_410"
    assert len(server.requests) == 1


def test_retries_end(server: PictureServer, fetcher: Fetcher) -> None:
    (outcome,) = fetcher.fetch_many([failing(server, 9, status="429 Slow Down")])
    assert outcome.reason == "rate_limited"
    assert len(server.requests) == 3


def test_a_long_pause_asked_for_is_kept(server: PictureServer, fetcher: Fetcher) -> None:
    outcomes = fetcher.fetch_many([failing(server, 1, status="429 No", retry_after="30")])
    outcomes += fetcher.fetch_many([server.url("/good.jpg")])
    assert [o.reason for o in outcomes] == ["rate_limited", "host_rests"]
    assert len(server.requests) == 1


def test_a_connection_cut_is_tried_again(server: PictureServer, fetcher: Fetcher) -> None:
    whole = answer(hostile.picture(), connection="close")
    answers = iter([whole[: len(whole) // 2], b"", whole])

    def route(connection: socket.socket) -> None:
        connection.sendall(next(answers))

    server.routes["/cut.jpg"] = route
    assert fetcher.fetch_many([server.url("/cut.jpg")])[0].jpeg is not None


def test_the_smaller_rendition_first_and_the_original_where_there_is_none(
    server: PictureServer, fetcher: Fetcher
) -> None:
    files = "/media_attachments/files/1/{}/a.jpg"
    server.routes[files.format("original")] = hostile.picture()
    url = server.url(files.format("original"))
    assert fetcher.fetch_many([url])[0].jpeg is not None
    assert server.paths() == [files.format("small"), files.format("original")]


def test_a_host_that_is_silent_is_left_alone_after_a_while(server: PictureServer) -> None:
    def silent(connection: socket.socket) -> None:
        while not server.over.is_set():
            time.sleep(0.05)

    fetcher = Fetcher(POLICY, Limits(total_s=0.3), HostLimits(failures=3))
    for number in range(6):
        server.routes[f"/{number}.jpg"] = silent
    outcomes = [fetcher.fetch_many([server.url(f"/{n}.jpg")])[0] for n in range(6)]
    assert [o.reason for o in outcomes] == ["timeout"] * 3 + ["host_rests"] * 3
    fetcher.close()


def test_the_budget_of_a_host_spreads_requests(server: PictureServer) -> None:
    fetcher = Fetcher(POLICY, host_limits=HostLimits(per_s=20, burst=1))
    urls = [server.url(f"/good.jpg?{n}") for n in range(6)]
    for number in range(6):
        server.routes[f"/good.jpg?{number}"] = hostile.picture(64, 64)
    started = time.monotonic()
    assert all(o.jpeg for o in fetcher.fetch_many(urls))
    assert time.monotonic() - started >= 5 / 20
    fetcher.close()


def test_a_batch_ends_when_its_time_is_up(server: PictureServer) -> None:
    def silent(connection: socket.socket) -> None:
        server.over.wait(30)

    server.routes["/slow.jpg"] = silent
    fetcher = Fetcher(POLICY, Limits(total_s=30.0, read_s=30.0))
    started = time.monotonic()
    outcomes = fetcher.fetch_many([server.url("/slow.jpg"), server.url("/good.jpg")], timeout_s=1.5)
    assert time.monotonic() - started < 10
    assert outcomes[0].reason == "timeout"
    assert outcomes[1].jpeg is not None
    server.over.set()
    fetcher.close()


def test_names_and_ports_that_lead_nowhere(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    urls = ["http://nowhere.example/", f"http://pictures.test:{port}/"]
    assert [o.reason for o in fetcher.fetch_many(urls)] == ["name_not_found", "connection_failed"]


def test_tls_checks_the_name_of_the_url_not_the_address() -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("pictures.test").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with PictureServer(tls=serving) as server:
        server.routes["/good.jpg"] = hostile.picture()
        fetcher = Fetcher(POLICY, tls=trusting)
        outcomes = fetcher.fetch_many(
            [server.url("/good.jpg"), server.url("/good.jpg", host="other.test")]
        )
        assert outcomes[0].jpeg is not None
        assert outcomes[1].reason == "tls_failed"
        fetcher.close()
        stranger = Fetcher(POLICY)
        assert stranger.fetch_many([server.url("/good.jpg")])[0].reason == "tls_failed"
        stranger.close()


def test_closing_twice_is_fine(fetcher: Fetcher) -> None:
    fetcher.close()
    fetcher.close()
