"""Routes on the pipeline itself: health, operations, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request, Response

from services.dashboard import schemas, sources
from services.dashboard.answers import answer, encode
from services.dashboard.backend import Backend
from services.dashboard.figures import namespace_item
from services.dashboard.parameters import LATEST_MS, Namespace
from services.dashboard.quality import Qualities
from services.dashboard.watch import Watches
from services.errors import Unavailable
from services.store.source_status import Status
from services.store.vitals import Process, Vitals


def routes(backend: Backend, watches: Watches) -> APIRouter:
    """`/health`, `/operations`, `/gaps`."""
    router = APIRouter(tags=["operations"])
    qualities = Qualities(backend)

    @router.get("/health", response_model=schemas.Health, responses={503: {}})
    async def health(request: Request) -> Response:
        """Whether what is shown can be trusted."""
        try:
            found = await backend.ask(_health, backend)
        except Unavailable as error:
            away = _verdict([], [str(error)], store=False)
            return answer(request, encode(away), status=503)
        return answer(request, encode(found))

    @router.get("/operations", response_model=schemas.Operations)
    async def operations(request: Request) -> Response:
        """Processes, their hops, lag, throughput and latency; live sources and their gaps."""
        found = await backend.ask(_operations, backend)
        return answer(request, encode({**found, "readers": watches.readers}))

    @router.get("/gaps", response_model=schemas.GapsPage)
    async def gaps(request: Request, namespace: Namespace = None) -> Response:
        """Live sources, and the times in which they delivered nothing, newest first."""
        return answer(request, encode(await backend.ask(_gaps, backend, qualities, namespace)))

    return router


def _health(backend: Backend) -> dict[str, Any]:
    processes = Vitals(backend.store.client).read()
    return _verdict(processes, _reasons(processes, backend.statuses(backend.live)))


def _verdict(
    processes: Sequence[Process], reasons: Sequence[str], *, store: bool = True
) -> dict[str, Any]:
    return {
        "healthy": store and not reasons,
        "store": store,
        "version": version("undertone"),
        "processes": len(processes),
        "reasons": reasons,
    }


def _reasons(processes: Sequence[Process], statuses: Sequence[Status]) -> list[str]:
    """What is wrong. A source counts while a process reads it: after that it has simply ended."""
    read = {hop.source for process in processes for hop in process.hops}
    return [
        *(f"{p.command} on {p.host}: {p.reason or 'not well'}" for p in processes if not p.healthy),
        *(
            f"{status.source} is not connected: {status.cause}"
            for status in statuses
            if status.source in read and not status.connected
        ),
    ]


def _operations(backend: Backend) -> dict[str, Any]:
    processes = Vitals(backend.store.client).read()
    statuses = backend.statuses(backend.live)
    return {
        "now_ms": backend.clock_ms(),
        "version": version("undertone"),
        "healthy": not _reasons(processes, statuses),
        "processes": processes,
        "sources": sources.items(statuses),
        "gaps": sources.gaps(statuses, 0, LATEST_MS),
        "namespaces": [namespace_item(state) for state in backend.namespaces()],
    }


def _gaps(backend: Backend, qualities: Qualities, namespace: str | None) -> dict[str, Any]:
    name = backend.state(namespace).name
    statuses = backend.statuses(name)
    return {
        "namespace": name,
        "sources": sources.items(statuses),
        "gaps": sources.gaps(statuses, 0, LATEST_MS),
        "quality": qualities.of(name),
    }
