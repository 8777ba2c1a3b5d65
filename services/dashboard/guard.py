"""What stands before every request: who may ask, by which name, and what browsers may do with it.

Without a token the server listens on this machine alone. A page of a stranger
could still reach it through a name that turns into 127.0.0.1 (DNS rebinding),
so the Host header must be one of ours. With a token, every request but those
for the login page needs it: the browser of a stranger's page never sends it.
Where `dashboard_url` says that we are for this machine alone, as in containers,
names that the world's DNS may hold are refused all the same: the token is
then often the one that everybody has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.problems import problem
from services.dashboard.session import COOKIE, Keeper

CSP: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": CSP,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }.items()
)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN: Final = ("/login", "/static/", "/favicon.ico", "/healthz")
"""Answered without a token: nothing of the figures is in them."""
MOST_SESSIONS: Final = 5
"""Cookies of a request that are looked at."""
READING: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Door:
    """By which names we are known, and who has the key."""

    hosts: frozenset[str]
    """Empty: any name (a token is asked for instead)."""
    keeper: Keeper | None

    def is_ours(self, name: str) -> bool:
        """Whether a stranger's page can't have made a browser use this name."""
        if not self.hosts or name in self.hosts:
            return True
        return self.keeper is not None and bool(name) and ("." not in name or _is_address(name))


def door(host: str, url: str, keeper: Keeper | None) -> Door:
    """For a server bound to `host`, known to people as `url` (may be empty)."""
    public = (urlsplit(url).hostname or "").lower()
    if keeper is not None and public not in LOOPBACK:
        return Door(frozenset(), keeper)
    return Door(LOOPBACK | {host.strip("[]").lower()} | ({public} - {""}), keeper)


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # neither web sockets nor a lifespan: `server` starts and ends us
        headers = _chosen(scope["headers"])
        refusal = self._refusal(scope, headers)
        app = self._app if refusal is None else refusal
        head = scope["method"] == "HEAD"
        if head:
            scope = {**scope, "method": "GET", "undertone.head": True}
        await app(scope, receive, _Sender(send, without_body=head))

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> Response | None:
        path, method = scope["path"], scope["method"]
        if not self._door.is_ours(_host(headers.get(b"host", ""))):
            return problem(
                421, "this name is not one of ours: use http://localhost, or set dashboard_url"
            )
        if method not in READING and not (path == "/login" and method == "POST"):
            return problem(405, "everything here is read-only", {"Allow": "GET, HEAD"})
        if self._door.keeper is None or path.startswith(OPEN):
            return None
        return _locked(self._door.keeper, scope, headers)


def _locked(keeper: Keeper, scope: Scope, headers: dict[bytes, str]) -> Response | None:
    """None for who has the token; else the way to it."""
    if any(map(keeper.knows_session, _sessions(headers.get(b"cookie", "")))):
        return None
    scheme, _, token = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        who = scope["client"][0] if scope.get("client") else ""
        wait_s = keeper.try_token(token.strip(), who)
        if wait_s is None:
            return None
        if wait_s > 0:
            return problem(429, "too many wrong tokens", {"Retry-After": str(wait_s)})
        return _unauthorized("this token is not the one of this dashboard")
    if scope["path"].startswith("/api/"):
        return _unauthorized("a token is needed: Authorization: Bearer …, or log in at /login")
    return _to_login(scope, headers)


def _unauthorized(detail: str) -> Response:
    return problem(401, detail, {"WWW-Authenticate": 'Bearer realm="undertone"'})


def _to_login(scope: Scope, headers: dict[bytes, str]) -> Response:
    """Browsers don't send a strict cookie with a link from elsewhere (a chat, a mail): such a
    visit is sent round once more from our own page, then the cookie comes, or the login."""
    query = scope["query_string"].decode("latin-1")
    # One slash: what begins with two is an address at somebody else's.
    here = "/" + quote(scope["path"].lstrip("/")) + (f"?{query}" if query else "")
    if headers.get(b"sec-fetch-site") == "cross-site":
        return Response(
            "<!doctype html><title>Undertone</title>",
            headers={"Refresh": f"0;url={here}", "Cache-Control": "no-store"},
            media_type="text/html",
        )
    return RedirectResponse(f"/login?next={quote(here)}", 303, {"Cache-Control": "no-store"})


class _Sender:
    """Adds our headers to what is sent; leaves bodies out where only the head was asked for."""

    def __init__(self, send: Send, without_body: bool) -> None:
        self._send, self._without_body = send, without_body

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        elif self._without_body and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


_WANTED: Final = frozenset({b"host", b"cookie", b"authorization", b"sec-fetch-site"})


def _chosen(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, str]:
    return {name: value.decode("latin-1") for name, value in headers if name in _WANTED}


def _host(header: str) -> str:
    """The name without its port."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _sessions(header: str) -> list[str]:
    """The values of our cookie. Others may stand beside it in any form, and even another of its
    name: every port of a host, and what is below and above its name, shares the cookies."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [value for name, _, value in pairs if name == COOKIE][:MOST_SESSIONS]
