"""Routes of figures: namespaces, topics, series."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.dashboard import alerts, overview, schemas, series, sources
from services.dashboard.answers import CSV, Body, answer, encode
from services.dashboard.backend import Backend, State
from services.dashboard.badges import badges_of
from services.dashboard.parameters import From, Namespace, To, TopicName, Window
from services.dashboard.watch import Watches
from services.store import schema
from services.store.alerts import Alerts
from services.store.reader import Totals
from services.store.schema import HOURS

Format = Annotated[Literal["json", "csv"], Query(description="json or csv.")]
ALERTS_SHOWN = 200
AUTHORS_UP_TO_MS = 26 * schema.HOUR_MS


def routes(backend: Backend, watches: Watches) -> APIRouter:
    """`/namespaces`, `/topics`, `/topics/{topic}`, `/topics/{topic}/series`."""
    router = APIRouter(tags=["figures"])

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
        wanted = (namespace, topic, start, end, resolution)
        body = await backend.ask(_series, backend, *wanted, as_csv=format == "csv")
        return answer(request, body, name=f"{topic}.csv" if format == "csv" else "")

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


def _series(
    backend: Backend,
    namespace: str | None,
    topic: str,
    start_ms: int | None,
    stop_ms: int | None,
    resolution: str,
    *,
    as_csv: bool,
) -> Body:
    state = backend.state(namespace)
    start_ms, stop_ms = _time(backend, state, topic, start_ms, stop_ms)
    now_ms = backend.clock_ms() if state.is_live else state.newest_ms or stop_ms
    span = series.span(start_ms, stop_ms, resolution, now_ms)
    columns = series.read(backend.store, state.name, topic, span)
    if not any(map(any, (columns["negative"], columns["neutral"], columns["positive"]))):
        backend.require_topic(state, topic)
    if as_csv:
        return Body(series.table(columns), CSV)
    raised = Alerts(backend.store).list(state.name, topic, None, span.stop_ms, ALERTS_SHOWN)
    head = {
        "namespace": state.name,
        "topic": topic,
        "resolution": span.step.name,
        "resolution_ms": span.step.width_ms,
        "from": span.start_ms,
        "to": span.stop_ms,
        "complete_to_ms": state.watermark.ms,
        "points": columns,
        "gaps": sources.gaps(backend.statuses(state.name), span.start_ms, span.stop_ms),
        "alerts": [alerts.item(a) for a in raised if alerts.was_open(a, start_ms, stop_ms)],
        "authors": _authors(backend, state, topic, start_ms, stop_ms, now_ms),
    }
    return Body(msgspec.json.encode(head))


def _authors(
    backend: Backend, state: State, topic: str, start_ms: int, stop_ms: int, now_ms: int
) -> int | None:
    """None where authors by the hour are kept no longer, or not so finely."""
    first, last = backend.first_last(state.name, topic) if not state.is_live else (None, None)
    if first is not None and last is not None and start_ms <= first and last < stop_ms:
        return backend.reader.totals(state.name, topic).authors
    if start_ms < now_ms - AUTHORS_UP_TO_MS or stop_ms - start_ms > HOURS.keep_ms:
        return None
    return backend.reader.authors(state.name, topic, start_ms, stop_ms)


def _time(
    backend: Backend, state: State, topic: str, start_ms: int | None, stop_ms: int | None
) -> tuple[int, int]:
    """What was asked for; else the last hour, or the whole of a replay."""
    if start_ms is not None and stop_ms is not None:
        return start_ms, stop_ms
    if state.is_live:
        stop_ms = stop_ms or schema.window_end(backend.clock_ms())
        return (stop_ms - schema.HOUR_MS if start_ms is None else start_ms), stop_ms
    first, last = backend.first_last(state.name, topic)
    stop_ms = stop_ms or (last or 0) + 1
    return (first or stop_ms - schema.HOUR_MS) if start_ms is None else start_ms, stop_ms
