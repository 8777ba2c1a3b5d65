"""Routes of figures: namespaces, topics, series."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from services.dashboard import overview, schemas, series
from services.dashboard.answers import Body, answer, encode
from services.dashboard.backend import Backend, State
from services.dashboard.badges import badges_of
from services.dashboard.histories import Histories, Wanted
from services.dashboard.parameters import From, Namespace, To, TopicName, Window
from services.dashboard.together import Together
from services.dashboard.watch import Watches
from services.store.alerts import Alerts
from services.store.reader import Totals

Format = Annotated[Literal["json", "csv"], Query(description="json or csv.")]


def routes(backend: Backend, watches: Watches) -> APIRouter:
    """`/namespaces`, `/topics`, `/topics/{topic}`, `/topics/{topic}/series`."""
    router = APIRouter(tags=["figures"])
    histories = Together(backend.ask, Histories(backend).read)

    @router.get("/namespaces", response_model=list[schemas.NamespaceItem])
    async def namespaces(request: Request) -> Response:
        """Live figures and each replay: live first, then the newest replay."""
        states = await backend.ask(backend.namespaces)
        return answer(request, encode([namespace_item(s) for s in states]))

    @router.get("/topics", response_model=schemas.TopicsPage)
    async def topics(
        request: Request,
        namespace: Namespace = None,
        window: Window = "15m",
        q: Annotated[str, Query(max_length=100, description="Part of a name.")] = "",
        sort: overview.Sort = "count",
        order: Annotated[
            overview.Order | None, Query(description="Default: desc; by name asc.")
        ] = None,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        format: Format = "json",
    ) -> Response:
        """The overview: a page of topics in one rolling window."""
        snapshot = await watches.snapshot(namespace, window)
        wish = overview.Wish(q, sort, order, offset, limit)
        if format == "csv":
            name = f"{snapshot.state.name}-{window}.csv"
            return answer(request, overview.csv(snapshot, wish), name=name)
        return answer(request, overview.page(snapshot, wish))

    @router.get("/topics/{topic}", response_model=schemas.TopicDetail)
    async def topic(request: Request, topic: TopicName, namespace: Namespace = None) -> Response:
        """Every rolling window of one topic, and its totals."""
        return answer(request, await backend.ask(_detail, backend, namespace, topic))

    @router.get("/topics/{topic}/series", response_model=schemas.Series)
    async def topic_series(
        request: Request,
        topic: TopicName,
        namespace: Namespace = None,
        start: From = None,
        end: To = None,
        resolution: Annotated[
            Literal["auto", series.Name],
            Query(description="auto: the finest that is kept and not too fine to draw."),
        ] = "auto",
        format: Format = "json",
    ) -> Response:
        """The topic's posts over time, from panes. Default: the last hour; a whole replay."""
        as_csv = format == "csv"
        body = await histories.ask(Wanted(namespace, topic, start, end, resolution, as_csv))
        return answer(request, body, name=f"{topic}.csv" if as_csv else "")

    return router


def namespace_item(state: State) -> dict[str, Any]:
    """`schemas.NamespaceItem`."""
    return {
        "name": state.name,
        "kind": state.namespace.kind,
        "created_ms": state.namespace.created_ms,
        "topics": state.topics,
        "watermark_ms": state.watermark.ms,
        "ended": state.watermark.ended,
        "newest_ms": state.newest_ms,
    }


def _detail(backend: Backend, namespace: str | None, topic: str) -> Body:
    state = backend.state(namespace)
    backend.require_topic(state, topic)
    totals = backend.reader.totals(state.name, topic)
    rolling = backend.reader.rolling(state.name, topic)
    end = backend.clock_ms() if state.is_live else totals.last_post_ms
    if rolling is not None and not state.is_live:
        end = rolling.end_ms - 1
    if end is not None:
        rolling = backend.reader.rolling(state.name, topic, end)
    badges = badges_of(Alerts(backend.store).open(state.name))
    return encode(
        {
            "namespace": state.name,
            "kind": state.namespace.kind,
            "topic": topic,
            "watermark_ms": state.watermark.ms,
            "ended": state.watermark.ended,
            "windows": rolling.windows if rolling else {},
            "totals": _totals(totals),
            "alert": badges.get(topic),
        }
    )


def _totals(totals: Totals) -> dict[str, Any]:
    sums = totals.sums
    own = ("authors", "duplicates", "too_late", "deleted", "unseen_language")
    of_sums = ("count", "negative", "neutral", "positive", "mean_score", "standard_error")
    more = ("late", "reposts", "images")
    return {
        **{name: getattr(sums, name) for name in (*of_sums, *more)},
        **{name: getattr(totals, name) for name in (*own, "first_post_ms", "last_post_ms")},
    }
