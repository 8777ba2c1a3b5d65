"""The route of live events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from services.dashboard import schemas
from services.dashboard.events import EventStream, Subscription
from services.dashboard.parameters import Namespace, Window
from services.dashboard.watch import Watches

_MODELS = schemas.FiguresEvent | schemas.AlertEvent | schemas.ResyncEvent | schemas.TroubleEvent


def routes(watches: Watches) -> APIRouter:
    """`/events`."""
    router = APIRouter(tags=["live"])

    @router.get(
        "/events",
        response_class=Response,
        responses={
            200: {
                "model": _MODELS,
                "content": {"text/event-stream": {}},
                "description": "Server-sent events; `data` is one of these documents.",
            }
        },
    )
    async def events(
        namespace: Namespace = None,
        window: Window = "15m",
        topic: Annotated[
            list[str],
            Query(max_length=200, description="Only of these topics; may be repeated."),
        ] = [],  # noqa: B006
        last_event_id: Annotated[str, Header(max_length=100)] = "",
    ) -> Response:
        """Changes as they come, as server-sent events: figures, alert, resync, trouble.

        `figures` holds whole rows; without `topic`, at most 30 of them, and `more` says how many
        are left out.
        """
        watches.admit()
        watch = await watches.get(namespace, window)
        await watch.snapshot()
        reader = Subscription(frozenset(topic) or None)
        watch.join(reader, last_event_id)
        return EventStream(reader, lambda: watch.leave(reader))

    return router
