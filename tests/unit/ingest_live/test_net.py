"""Which URLs and addresses are let through, and for what reason the others are not."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.net import NotAllowed, Policy, Target, is_public, parse


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com", Target("http", "example.com", 80, "/")),
        ("https://EXAMPLE.com./a?b=c", Target("https", "example.com", 443, "/a?b=c")),
        ("https://bücher.example/ü", Target("https", "xn--bcher-kva.example", 443, "/%C3%BC")),
        ("http://[2606:4700::1]:8080/x", Target("http", "2606:4700::1", 8080, "/x")),
        ("http://example.com/a%20b#top", Target("http", "example.com", 80, "/a%20b")),
    ],
)
def test_urls_are_taken_apart(url: str, expected: Target) -> None:
    assert parse(url) == expected


def test_the_host_field_names_the_port_only_where_it_is_unusual() -> None:
    assert parse("https://example.com/").host_header == "example.com"
    assert parse("http://[2606:4700::1]:8080/").host_header == "[2606:4700::1]:8080"
    assert parse("https://example.com/a?b").url == "https://example.com/a?b"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "scheme_refused"),
        ("file:///etc/passwd", "scheme_refused"),
        ("//example.com/", "scheme_refused"),
        ("", "scheme_refused"),
        ("http://user@example.com/", "credentials_in_url"),
        ("http://user:pass@example.com/", "credentials_in_url"),
        ("http://:@example.com/", "credentials_in_url"),
        ("http:///path", "bad_url"),
        ("http://exa mple.com/", "bad_url"),
        ("http://exa\nmple.com/", "bad_url"),
        ("http://example.com\\@127.0.0.1/", "bad_url"),
        ("http://example.com:99999/", "bad_url"),
        ("http://example.com:x/", "bad_url"),
        ("http://[fe80::1%25eth0]/", "bad_url"),
        ("http://[::1/", "bad_url"),
        ("http://-example.com/", "bad_url"),
        ("http://example.com/" + "a" * 5000, "bad_url"),
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str, reason: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        parse(url)
    assert refused.value.reason == reason


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_but_our_own_error_comes_out_of_parse(host: str, rest: str) -> None:
    for url in (f"http://{host}/{rest}", f"https://{rest}@{host}", host + rest):
        try:
            target = parse(url)
        except NotAllowed:
            continue
        assert target.path.isascii()
        assert target.host.isascii()
        assert parse(target.url) == target


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808"],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.0.1",
        "198.19.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2002:808:808::1",
        "no address",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


def policy(*addresses: str, **options: object) -> Policy:
    def resolver(host: str, port: int) -> Sequence[str]:
        return addresses

    return Policy(resolver=resolver, **options)  # type: ignore[arg-type]


def test_one_private_address_refuses_the_name() -> None:
    assert policy("1.1.1.1", "8.8.8.8").resolve("a.test", 443) == ["1.1.1.1", "8.8.8.8"]
    with pytest.raises(NotAllowed, match=r"10\.0\.0\.1") as refused:
        policy("1.1.1.1", "10.0.0.1").resolve("a.test", 443)
    assert refused.value.reason == "private_address"


def test_an_intranet_can_be_allowed_by_its_network() -> None:
    inside = policy("10.0.0.1", allow=(ipaddress.ip_network("10.0.0.0/8"),))
    assert inside.resolve("a.test", 80) == ["10.0.0.1"]
    with pytest.raises(NotAllowed):
        policy("fe80::1%eth0", allow=(ipaddress.ip_network("10.0.0.0/8"),)).resolve("a.test", 80)
    with pytest.raises(NotAllowed):
        policy("no address").resolve("a.test", 80)


def test_ports_of_other_services_are_refused() -> None:
    with pytest.raises(NotAllowed) as refused:
        policy("1.1.1.1").resolve("a.test", 25)
    assert refused.value.reason == "port_refused"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no such name"), "name_not_found"),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), "resolver_failed"),
        (UnicodeError("label too long"), "name_not_found"),
    ],
)
def test_a_name_without_address_is_told_from_a_resolver_that_fails(
    error: Exception, reason: str
) -> None:
    def resolver(host: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(NotAllowed) as refused:
        Policy(resolver=resolver).resolve("a.test", 80)
    assert refused.value.reason == reason
    with pytest.raises(NotAllowed):
        policy().resolve("a.test", 80)
