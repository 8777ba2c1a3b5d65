"""The login page: a form without script, which gives the browser a session cookie."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse

from services.dashboard.session import COOKIE, SESSION_S, Keeper

LONGEST_FORM: Final = 4_096
FORM_S: Final = 10.0
"""The whole form is here within so many seconds."""
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in · Undertone</title>
<link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/login.css">
</head>
<body>
<main>
<h1>Undertone</h1>
<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<label for="token">Access token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<p role="alert">{said}</p>
<button>Log in</button>
</form>
</main>
</body>
</html>
"""


def routes(keeper: Keeper | None, url: str) -> APIRouter:
    """`/login`; without a token it leads to the page at once."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def form(next: str = "/") -> Response:
        if keeper is None:
            return RedirectResponse("/", 303)
        return _page(_local(next), "", 200)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        if keeper is None:
            return RedirectResponse("/", 303)
        fields = await _form(request)
        there = _local(fields.get("next", "/"))
        who = request.client.host if request.client else ""
        wait_s = keeper.try_token(fields.get("token", "").strip(), who)
        if wait_s is None:
            return _let_in(there, keeper.new_session(), secure=url.startswith("https:"))
        if wait_s > 0:
            page = _page(there, f"Too many wrong tokens: wait {wait_s} seconds.", 429)
            page.headers["Retry-After"] = str(wait_s)
            return page
        return _page(there, "This is not the token of this dashboard.", 401)

    return router


def _let_in(there: str, session: str, *, secure: bool) -> Response:
    response = RedirectResponse(there, 303, {"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE, session, max_age=SESSION_S, httponly=True, samesite="strict", secure=secure
    )
    return response


async def _form(request: Request) -> dict[str, str]:
    """The form's fields; nothing of a body that is too long for it, or takes too long."""
    body = b""
    try:
        async with asyncio.timeout(FORM_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_FORM:
                    return {}
    except (TimeoutError, ClientDisconnect):
        return {}
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    return {name: values[-1] for name, values in fields.items()}


def _local(there: str) -> str:
    """An address of ours, whatever was asked for: never a way to somebody else's page."""
    try:
        parts = urlsplit(there)
    except ValueError:
        return "/"
    ours = there.startswith("/") and not there.startswith("//")
    plain = there.isprintable() and "\\" not in there
    return there if ours and plain and not (parts.scheme or parts.netloc) else "/"


def _page(there: str, said: str, status: int) -> Response:
    html = PAGE.format(next=escape(there), said=escape(said))
    return Response(html, status, {"Cache-Control": "no-store"}, "text/html; charset=utf-8")
