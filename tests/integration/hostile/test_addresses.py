"""Strangers' URLs and redirects reach no private address, however they are written."""

from __future__ import annotations

import pytest

from services.ingest.fetch import Fetcher
from tests.integration.hostile.conftest import Names, reason
from tests.simulators.pictures import PictureServer, answer

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "2130706434",
        "0177.0.0.2",
        "0x7f000002",
        "0x7f.0.0.2",
        "127.2",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]",
        "[::1]",
        "[::127.0.0.2]",
        "[64:ff9b::7f00:2]",
        "[2002:7f00:2::]",
        "[fd00:ec2::254]",
        "0.0.0.0",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "localhost.",
        "①②⑦.⓪.⓪.②",
        "inside.test",
        "both.test",
        "mapped.test",
        "metadata.test",
    ],
)
def test_private_addresses_are_refused(host: str, fetcher: Fetcher, canary: PictureServer) -> None:
    assert reason(fetcher, f"http://{host}:{canary.port}/a.jpg") == "private_address"


def test_a_name_is_resolved_once_so_that_rebinding_has_no_second_chance(
    server: PictureServer, fetcher: Fetcher, canary: PictureServer, names: Names
) -> None:
    (outcome,) = fetcher.fetch_many([server.url("/good.jpg", "rebinding.test")])
    assert outcome.jpeg is not None
    assert names.asked == ["rebinding.test"]
    server.routes["/again"] = answer(
        b"", "302 Found", location=canary.url("/", "rebinding.test"), connection="close"
    )
    assert reason(fetcher, server.url("/again")) == "private_address"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://127.0.0.2:{port}/", "private_address"),
        ("//inside.test:{port}/", "private_address"),
        ("http://0x7f000002:{port}/", "private_address"),
        ("file:///etc/passwd", "scheme_refused"),
        ("gopher://127.0.0.2:{port}/", "scheme_refused"),
        ("http://user:secret@pictures.test/", "credentials_in_url"),
        ("http://pictures.test\\@127.0.0.2:{port}/", "bad_url"),
        ("/loop", "too_many_redirects"),
    ],
)
def test_redirects_are_checked_again(
    location: str, expected: str, server: PictureServer, fetcher: Fetcher, canary: PictureServer
) -> None:
    location = location.format(port=canary.port)
    server.routes["/loop"] = answer(b"", "302 Found", location=location)
    assert reason(fetcher, server.url("/loop")) == expected
    if expected == "too_many_redirects":
        assert len(server.requests) == 4
