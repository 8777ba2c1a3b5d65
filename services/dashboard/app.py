"""The application: routes, files of the page, errors, and the guard before all of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import ASGIApp

from services.dashboard import figures, live, login, operations, posts, problems, raised
from services.dashboard.answers import answer
from services.dashboard.backend import Backend
from services.dashboard.files import Files
from services.dashboard.guard import Guard, door
from services.dashboard.problems import not_found
from services.dashboard.session import Keeper
from services.dashboard.watch import Watches

BASE: Final = "/api/v1"
PAGES: Final = ("/", "/topic/{topic}", "/post", "/alerts", "/operations")
"""Addresses of the one page, which looks at the address itself."""


@dataclass(frozen=True, slots=True)
class Options:
    """Where the server stands, as far as the application must know."""

    host: str = "127.0.0.1"
    url: str = ""
    """By which people know it, where that is another address."""
    token: str | None = None
    pictures: posts.Pictures | None = None
    own_words: posts.OwnWords = lambda _: frozenset()
    proxies: tuple[str, ...] = ()
    """Networks whose X-Forwarded-For says who asks."""


@dataclass(frozen=True, slots=True)
class Application:
    """What a server runs, and how to let go of it on the server's loop."""

    asgi: ASGIApp
    watches: Watches


def create_app(
    backend: Backend, options: Options = Options(), files: Files | None = None
) -> Application:
    """The dashboard over `backend`. `UsageError` for a token that is too short."""
    watches = Watches(backend)
    keeper = Keeper(options.token, backend.clock_ms) if options.token else None
    app = FastAPI(
        title="Undertone",
        version=version("undertone"),
        description="Rolling sentiment per topic. Read-only; times are milliseconds since 1970.",
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # it would lead to whatever name the request's Host field has
    )
    problems.handle(app)
    problems.document(app)
    api = APIRouter(prefix=BASE)
    api.include_router(figures.routes(backend, watches))
    api.include_router(posts.routes(backend, options.pictures, options.own_words))
    api.include_router(raised.routes(backend))
    api.include_router(operations.routes(backend, watches))
    api.include_router(live.routes(watches))
    app.include_router(api)
    app.include_router(login.routes(keeper, options.url))
    app.include_router(_pages(files or Files()))
    return Application(Guard(app, door(options.host, options.url, keeper)), watches)


def _pages(files: Files) -> APIRouter:
    """The page, its files, and a sign of life."""
    router = APIRouter(include_in_schema=False)

    async def page(request: Request) -> Response:
        return _file(request, files, "index.html")

    for path in PAGES:
        router.add_api_route(path, page)

    @router.get("/static/{name:path}")
    async def static(request: Request, name: str) -> Response:
        return _file(request, files, name)

    @router.get("/favicon.ico")
    async def icon(request: Request) -> Response:
        return _file(request, files, "favicon.svg")

    @router.get("/healthz")
    async def alive() -> Response:
        """That the server answers; whether the pipeline is well says `/api/v1/health`."""
        return Response(b'{"healthy":true}\n', media_type="application/json")

    return router


def _file(request: Request, files: Files, name: str) -> Response:
    body = files.get(name)
    if body is None:
        raise not_found(f"there is no file {name[:200]!r}")
    return answer(request, body)
