"""Errors as the API tells them: RFC 9457, `application/problem+json`, a text for people."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from services.dashboard.schemas import Problem
from services.errors import Unavailable, UsageError

log = logging.getLogger(__name__)

MEDIA = "application/problem+json"
RETRY_S = 2


class Refused(Exception):
    """The request can't be answered; `detail` says what to change."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def not_found(detail: str) -> Refused:
    return Refused(404, detail)


def body(status: int, detail: str) -> bytes:
    """A problem document."""
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return msgspec.json.encode(document)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem as a response."""
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(body(status, detail), status, headers, MEDIA)


def handle(app: FastAPI) -> None:
    """Every error of the routes leaves as a problem."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return problem(error.status, error.detail)

    @app.exception_handler(Unavailable)
    async def unavailable(_: Request, error: Unavailable) -> Response:
        return problem(503, f"{error}; try again", {"Retry-After": str(RETRY_S)})

    @app.exception_handler(UsageError)
    async def misused(_: Request, error: UsageError) -> Response:
        return problem(503, str(error))  # the store refuses us: for whoever set it up

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return problem(422, "; ".join(_mistake(e["loc"], e["msg"]) for e in error.errors()))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if error.status_code == 404:
            detail = f"there is nothing at {request.url.path[:200]}; see /api/v1/openapi.json"
        return problem(error.status_code, detail, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.exception("%s could not be answered", request.url.path, exc_info=error)
        return problem(500, f"{type(error).__name__}: this is our fault; the log has more")


def document(app: FastAPI) -> None:
    """The API's description tells of problems, not of FastAPI's own form of errors."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = made()
            schemas = described["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["Problem"] = Problem.model_json_schema()
            reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
            said = {"description": "What is wrong", "content": {MEDIA: reference}}
            for path in described["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    operation["responses"]["default"] = said
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _mistake(place: tuple[int | str, ...], message: str) -> str:
    """ "query, limit: …" as "limit: …"."""
    return f"{'.'.join(str(part) for part in place[1:])}: {message[:1].lower()}{message[1:]}"
