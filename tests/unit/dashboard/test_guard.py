"""What stands before every request: names, methods, the token, headers. No store is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from starlette.types import ASGIApp

from services.dashboard.app import Options, create_app
from services.dashboard.backend import Backend
from services.dashboard.session import COOKIE
from services.errors import Unavailable
from services.store.client import Client
from services.store.store import Store

TOKEN = "a long enough token"
OPEN, LOCKED = Options(), Options(token=TOKEN)


def away() -> None:
    raise Unavailable("store", "nobody is there")


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    made = Backend(Store(Client(away)), live="live", clock_ms=lambda: 1_700_000_000_000)  # type: ignore[arg-type]
    yield made
    made.close()


@lru_cache(1)
def _open(backend: Backend) -> ASGIApp:
    """Without a token an application remembers nothing of who asked."""
    return create_app(backend, OPEN).asgi


async def _send(backend: Backend, options: Options, times: int, *args: Any, **kwargs: Any) -> Any:
    app = _open(backend) if options is OPEN else create_app(backend, options).asgi
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        return [await client.request(*args, **kwargs) for _ in range(times)]


def ask(
    backend: Backend, path: str, options: Options = OPEN, method: str = "GET", **headers: str
) -> httpx.Response:
    return ask_often(1, backend, path, options, method, **headers)[0]


def ask_often(
    times: int, backend: Backend, path: str, options: Options, method: str = "GET", **headers: str
) -> list[httpx.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found: list[httpx.Response] = asyncio.run(
        _send(backend, options, times, method, path, headers=named)
    )
    return found


def post(backend: Backend, path: str, body: bytes, options: Options) -> httpx.Response:
    found: list[httpx.Response] = asyncio.run(
        _send(backend, options, 1, "POST", path, content=body)
    )
    return found[0]


# -- names ------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost:8420", "127.0.0.1", "[::1]:8420", "LOCALHOST"])
def test_our_names_are_served(backend: Backend, host: str) -> None:
    assert ask(backend, "/healthz", host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8420", "[", "0"]
)
def test_a_strangers_name_is_refused(backend: Backend, host: str) -> None:
    found = ask(backend, "/healthz", host=host)
    assert found.status_code == 421
    assert found.headers["content-type"] == "application/problem+json"


def test_the_public_name_is_ours(backend: Backend) -> None:
    options = Options(url="https://mood.example.com")
    assert ask(backend, "/healthz", options, host="mood.example.com").status_code == 200
    assert ask(backend, "/healthz", options, host="other.example.com").status_code == 421


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8420", 200), ("dashboard:8420", 200), ("172.18.0.5:8420", 200),
     ("[fd00::5]:8420", 200), ("evil.example:8420", 421), ("1.2.3.4.evil.example", 421)],
)  # fmt: skip
def test_with_a_token_that_all_may_know(backend: Backend, host: str, status: int) -> None:
    """In containers the token has a default, and is for this machine: no page of a stranger gets
    in by a name of its own, other containers and probes do."""
    options = Options(host="0.0.0.0", url="http://localhost:8420", token=TOKEN)
    found = ask(
        backend, "/api/v1/openapi.json", options, host=host, authorization=f"Bearer {TOKEN}"
    )
    assert found.status_code == status


# -- headers ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/topics", "/api/v1/none", "/nowhere"])
def test_every_answer_is_guarded(backend: Backend, path: str) -> None:
    headers = ask(backend, path).headers
    rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["img-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_everything_is_read_only(backend: Backend, method: str) -> None:
    found = ask(backend, "/api/v1/topics", method=method)
    assert found.status_code == 405
    assert found.headers["allow"] == "GET, HEAD"


def test_head_is_get_without_its_body(backend: Backend) -> None:
    whole, head = ask(backend, "/"), ask(backend, "/", method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert head.headers["etag"] == whole.headers["etag"]


# -- the token --------------------------------------------------------------------


def test_with_a_token_nothing_is_told_without_it(backend: Backend) -> None:
    for path in ("/api/v1/topics", "/api/v1/openapi.json", "/api/v1/events", "/api/v1/pictures/a"):
        found = ask(backend, path, LOCKED, host="anything.example")
        assert found.status_code == 401
        assert found.headers["www-authenticate"].startswith("Bearer")


def test_the_token_opens(backend: Backend) -> None:
    found = ask(backend, "/api/v1/openapi.json", LOCKED, authorization=f"Bearer {TOKEN}")
    assert found.status_code == 200
    for wrong in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", TOKEN, "bearer  "):
        assert ask(backend, "/api/v1/topics", LOCKED, authorization=wrong).status_code == 401


def test_guesses_meet_a_limit(backend: Backend) -> None:
    found = ask_often(12, backend, "/api/v1/topics", LOCKED, authorization="Bearer no")
    assert [r.status_code for r in found] == [401] * 10 + [429] * 2
    assert int(found[-1].headers["retry-after"]) > 0


def test_a_browser_is_led_to_the_login_and_back(backend: Backend) -> None:
    found = ask(backend, "/topic/rocket%20boots?from=1&to=2", LOCKED)
    assert found.status_code == 303
    there = urlsplit(found.headers["location"])
    assert there.path == "/login"
    assert parse_qs(there.query)["next"] == ["/topic/rocket%20boots?from=1&to=2"]
    form = ask(backend, found.headers["location"], LOCKED)
    assert form.status_code == 200
    assert "from=1&amp;to=2" in form.text
    assert "<script" not in form.text
    body = f"token={TOKEN}&next=/topic/rocket%2520boots".replace(" ", "+").encode()
    inside = post(backend, "/login", body, LOCKED)
    assert (inside.status_code, inside.headers["location"]) == (303, "/topic/rocket%20boots")
    cookie = inside.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    value = cookie.split(";")[0].split("=", 1)[1]
    assert ask(backend, "/", LOCKED, cookie=f"{COOKIE}={value}").status_code == 200
    assert ask(backend, "/", LOCKED, cookie=f"{COOKIE}=x{value}").status_code == 303


@pytest.mark.parametrize("other", ['a={"x":1}', "a=b c", "x", 'a="b', "a,b=1", f"{COOKIE}=forged"])
def test_cookies_of_others_lock_nobody_out(backend: Backend, other: str) -> None:
    """Whatever else is served on this host shares its cookies with us."""
    body = f"token={TOKEN}".replace(" ", "+").encode()
    ours = post(backend, "/login", body, LOCKED).headers["set-cookie"].split(";")[0]
    for cookie in (f"{other}; {ours}", f"{ours}; {other}"):
        assert ask(backend, "/", LOCKED, cookie=cookie).status_code == 200
    assert ask(backend, "/", LOCKED, cookie=other).status_code == 303


def test_a_secure_address_has_a_secure_cookie(backend: Backend) -> None:
    options = Options(url="https://mood.example.com", token=TOKEN)
    body = f"token={TOKEN}".replace(" ", "+").encode()
    assert "Secure" in post(backend, "/login", body, options).headers["set-cookie"]


@pytest.mark.parametrize(
    "there",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "",
     "///evil.example", "/%0d%0aSet-Cookie: a=b\r\n", "//["],
)  # fmt: skip
def test_the_login_leads_nowhere_else(backend: Backend, there: str) -> None:
    body = urlencode({"token": TOKEN, "next": there}).encode()
    found = post(backend, "/login", body, LOCKED)
    assert (found.status_code, found.headers["location"]) == (303, "/")


def test_a_wrong_token_in_the_form(backend: Backend) -> None:
    found = post(backend, "/login", b"token=%3Cscript%3E&next=%22%3E%3Cscript%3E", LOCKED)
    assert found.status_code == 401
    assert "set-cookie" not in found.headers
    assert "<script" not in found.text
    assert post(backend, "/login", b"token=" + b"x" * 10_000, LOCKED).status_code == 401


def test_a_link_from_elsewhere_comes_in_with_its_strict_cookie(backend: Backend) -> None:
    found = ask(backend, "/alerts?a=1", LOCKED, sec_fetch_site="cross-site")
    assert (found.status_code, found.headers["refresh"]) == (200, "0;url=/alerts?a=1")


@pytest.mark.parametrize("path", ["//evil.example/x", "////evil.example/x", "//%2F/evil.example/x"])
def test_a_link_from_elsewhere_leads_nowhere_else(backend: Backend, path: str) -> None:
    """Two slashes at the beginning would make a host of what follows."""
    found = ask(backend, f"http://127.0.0.1:8420{path}", LOCKED, sec_fetch_site="cross-site")
    assert found.headers["refresh"] == "0;url=/evil.example/x"
    found = ask(backend, f"http://127.0.0.1:8420{path}", LOCKED)
    assert found.headers["location"] == "/login?next=/evil.example/x"


def test_no_answer_leads_to_the_name_that_was_asked_for(backend: Backend) -> None:
    found = ask(backend, "/login/", LOCKED, host="evil.example")
    assert found.status_code == 404
    assert "location" not in found.headers


def test_the_page_and_its_files_need_no_token_but_hold_nothing(backend: Backend) -> None:
    assert ask(backend, "/static/index.html", LOCKED).status_code == 200
    assert ask(backend, "/healthz", LOCKED).status_code == 200


# -- without a store --------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["namespaces", "topics", "topics/x", "topics/x/series", "topics/x/posts", "topics/x/phrases",
     "topics/x/posts/a?created_at_ms=1", "pictures/n/t/i/0?created_at_ms=1", "alerts", "alerts/1",
     "gaps", "operations", "health", "events"],
)  # fmt: skip
def test_a_store_that_is_away_is_told(backend: Backend, path: str) -> None:
    found = ask(backend, f"/api/v1/{path}")
    assert found.status_code == 503
    said = found.json()
    if path == "health":
        assert said["healthy"] is said["store"] is False
    else:
        assert found.headers["content-type"] == "application/problem+json"
        assert "nobody is there" in said["detail"]
        assert found.headers["retry-after"]


@pytest.mark.parametrize(
    "path",
    ["topics?limit=0", "topics?limit=501", "topics?offset=-1", "topics?window=2m", "topics?sort=x",
     "topics?order=up", "topics?format=xml", "topics?namespace=../x", "topics?q=" + "x" * 101,
     "topics/x/series?from=-1", "topics/x/series?from=a", "topics/x/series?to=99999999999999",
     "topics/x/series?resolution=2m", "topics/x/posts?limit=0", "topics/x/posts/a",
     "pictures/n/t/i/4?created_at_ms=1", "pictures/n/t/i/0", "pictures/n*/t/i/0?created_at_ms=1",
     "alerts?state=odd", "alerts?limit=x", "events?window=1", "topics/" + "x" * 101],
)  # fmt: skip
def test_parameters_are_checked_before_anything_else(backend: Backend, path: str) -> None:
    found = ask(backend, f"/api/v1/{path}")
    assert found.status_code == 422
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["status"] == 422
    assert len(found.json()["detail"]) > 10


def test_what_is_nowhere(backend: Backend) -> None:
    for path in ("/api/v1/none", "/api/v2/topics", "/docs", "/redoc", "/openapi.json"):
        assert ask(backend, path).status_code == 404
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py",
                 "/static//etc/passwd", "/static/.hidden", "/static/", "/static/%00",
                 "/static/" + "a" * 300, "/static/" + "a/" * 3_000):  # fmt: skip
        assert ask(backend, path).status_code == 404


def test_the_api_describes_itself_without_anybody_elses_help(backend: Backend) -> None:
    found = ask(backend, "/api/v1/openapi.json").json()
    assert len(found["paths"]) >= 14
    for path, operations in found["paths"].items():
        assert list(operations) == ["get"], path
        problem = operations["get"]["responses"]["default"]["content"]
        assert list(problem) == ["application/problem+json"]
