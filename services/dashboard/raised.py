"""Routes of alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from services.dashboard import alerts, kept, schemas
from services.dashboard.answers import NEVER_STORED, Body, answer, encode
from services.dashboard.backend import Backend
from services.dashboard.parameters import From, Limit, Namespace, To
from services.dashboard.problems import not_found
from services.store.alerts import Alert, Alerts

LOOKED_AT = 5_000
"""Of the newest alerts, those among which a state is looked for."""


def routes(backend: Backend) -> APIRouter:
    """`/alerts` and `/alerts/{id}`."""
    router = APIRouter(tags=["alerts"])

    @router.get("/alerts", response_model=schemas.AlertsPage)
    async def listed(
        request: Request,
        namespace: Namespace = None,
        topic: Annotated[str | None, Query(max_length=100, description="Only of it.")] = None,
        state: Annotated[
            Literal["open", "resolved"] | None, Query(description="open: not resolved yet.")
        ] = None,
        start: From = None,
        end: To = None,
        limit: Limit = 100,
    ) -> Response:
        """Alerts that opened in a time, newest first."""
        wanted = (namespace, topic, state, start, end, limit)
        return answer(request, await backend.ask(_list, backend, *wanted))

    @router.get("/alerts/{id}", response_model=schemas.AlertItem)
    async def one(
        request: Request,
        id: Annotated[str, Path(max_length=100)],
        namespace: Namespace = None,
    ) -> Response:
        """One alert with its explanation."""
        body = await backend.ask(_one, backend, namespace, id)
        return answer(request, body, cache=NEVER_STORED)

    return router


def _list(
    backend: Backend,
    namespace: str | None,
    topic: str | None,
    state: str | None,
    start: int | None,
    end: int | None,
    limit: int,
) -> Body:
    name = backend.state(namespace).name
    most = limit if state is None else LOOKED_AT
    found = Alerts(backend.store).list(name, topic, start, end, most)
    fitting = [a for a in found if state is None or a.is_open == (state == "open")]
    return encode({"namespace": name, "alerts": [alerts.item(a) for a in fitting[:limit]]})


def _one(backend: Backend, namespace: str | None, alert_id: str) -> Body:
    name = backend.state(namespace).name
    alert = Alerts(backend.store).get(name, alert_id)
    if alert is None:
        raise not_found(f"there is no alert {alert_id[:100]!r} in {name!r}")
    return encode(alerts.full_item(alert, _posts(backend, alert)))


def _posts(backend: Backend, alert: Alert) -> list[dict[str, object]]:
    """Its posts that are still kept: nothing of one that was deleted."""
    reader, name, topic = backend.reader, alert.namespace, alert.topic
    refs = alert.explanation.top_posts
    found = (reader.post(name, topic, ref.id, ref.created_at_ms) for ref in refs)
    return [kept.item(post, name, topic) for post in found if post is not None]
