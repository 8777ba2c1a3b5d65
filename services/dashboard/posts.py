"""Routes of what people wrote: posts that weigh most, rising phrases, one post, its pictures."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Path, Request, Response

from services.dashboard import kept, schemas
from services.dashboard.answers import NEVER_STORED, Body, answer, encode
from services.dashboard.backend import Backend, State
from services.dashboard.parameters import Created, From, Limit, Namespace, To, TopicName
from services.dashboard.problems import not_found
from services.phrases import rising
from services.records import NAMESPACE
from services.store import schema
from services.store.posts import KeptPost

LONGEST_MS: Final = 31 * schema.DAY_MS
"""Of a longer time, its last 31 days are looked at: words are kept for two days."""
PHRASES: Final = 20
JPEG: Final = "image/jpeg"
PostId = Annotated[str, Path(max_length=500, description="The post's id, percent-encoded.")]


class Pictures(Protocol):
    """Where the pictures of kept posts are."""

    def get(self, post: KeptPost, namespace: str) -> list[bytes | None]:
        """Its normalised JPEGs, None for each that could not be had."""


OwnWords = Callable[[str], AbstractSet[str]]
"""By topic, the words that its query asks for: they are no news."""


def routes(backend: Backend, pictures: Pictures | None, own_words: OwnWords) -> APIRouter:
    """`/topics/{topic}/posts`, `/phrases`, `/posts/{id}`, and `/pictures/…`."""
    router = APIRouter(tags=["posts"])

    @router.get("/topics/{topic}/posts", response_model=schemas.PostsPage)
    async def posts(
        request: Request,
        topic: TopicName,
        namespace: Namespace = None,
        start: From = None,
        end: To = None,
        limit: Limit = 20,
    ) -> Response:
        """The posts that weigh most in a time: those farthest from neutral."""
        body = await backend.ask(_top, backend, namespace, topic, start, end, limit)
        return answer(request, body, cache=NEVER_STORED)

    @router.get("/topics/{topic}/phrases", response_model=schemas.PhrasesPage)
    async def phrases(
        request: Request,
        topic: TopicName,
        namespace: Namespace = None,
        start: From = None,
        end: To = None,
    ) -> Response:
        """Words, phrases and hashtags that more people say than before, in an even sample."""
        body = await backend.ask(_phrases, backend, own_words, namespace, topic, start, end)
        return answer(request, body, cache=NEVER_STORED)

    @router.get("/topics/{topic}/posts/{id:path}", response_model=schemas.PostDetail)
    async def post(
        request: Request,
        topic: TopicName,
        id: PostId,
        created_at_ms: Created,
        namespace: Namespace = None,
    ) -> Response:
        """One post that is kept, with what both networks made of it."""
        found, state = await backend.ask(_post, backend, namespace, topic, id, created_at_ms)
        document = await backend.ask(kept.detail, found, state.name, topic)
        return answer(request, encode(document), cache=NEVER_STORED)

    @router.get(
        "/pictures/{namespace}/{topic}/{id:path}/{number}",
        response_class=Response,
        responses={200: {"content": {JPEG: {}}}},
    )
    async def picture(
        request: Request,
        namespace: Annotated[str, Path(pattern=NAMESPACE)],
        topic: TopicName,
        id: PostId,
        number: Annotated[int, Path(ge=0, lt=kept.MOST_PICTURES)],
        created_at_ms: Created,
    ) -> Response:
        """A picture of a post that is kept, from our own copy; none of one that was deleted."""
        found, state = await backend.ask(_post, backend, namespace, topic, id, created_at_ms)
        held = await backend.ask(pictures.get, found, state.name) if pictures else []
        jpeg = held[number] if number < len(held) else None
        if jpeg is None:
            raise not_found("this picture is not kept")
        return answer(request, Body(jpeg, JPEG), cache=NEVER_STORED)

    return router


def span(
    backend: Backend, state: State, topic: str, start: int | None, end: int | None
) -> tuple[int, int]:
    """[from, to) as asked for, else the last hour up to now, or to the end of a replay."""
    if end is None:
        newest = backend.first_last(state.name, topic)[1] or state.newest_ms or 0
        end = backend.clock_ms() if state.is_live else newest + 1
    if start is None:
        start = end - schema.HOUR_MS
    return max(start, end - LONGEST_MS, 0), end


def _top(
    backend: Backend,
    namespace: str | None,
    topic: str,
    start: int | None,
    end: int | None,
    limit: int,
) -> Body:
    state = backend.state(namespace)
    backend.require_topic(state, topic)
    start, end = span(backend, state, topic, start, end)
    found = backend.reader.top_posts(state.name, topic, start, end, limit)
    items = [kept.item(kept.kept_post(post), state.name, topic) for post in found]
    return encode({**_head(state, topic, start, end), "posts": items})


def _phrases(
    backend: Backend,
    own_words: OwnWords,
    namespace: str | None,
    topic: str,
    start: int | None,
    end: int | None,
) -> Body:
    state = backend.state(namespace)
    backend.require_topic(state, topic)
    start, end = span(backend, state, topic, start, end)
    now = backend.reader.sample(state.name, topic, start, end)
    earlier = max(0, start - max(schema.DAY_MS, end - start))
    before = backend.reader.sample(state.name, topic, earlier, start)
    found = rising(now, before, own_words(topic), PHRASES)
    counts = {"sampled": len(now), "sampled_before": len(before)}
    return encode({**_head(state, topic, start, end), **counts, "phrases": found})


def _head(state: State, topic: str, start: int, end: int) -> dict[str, Any]:
    return {"namespace": state.name, "topic": topic, "from": start, "to": end}


def _post(
    backend: Backend, namespace: str | None, topic: str, post_id: str, created_at_ms: int
) -> tuple[KeptPost, State]:
    state = backend.state(namespace)
    found = backend.reader.post(state.name, topic, post_id, created_at_ms)
    if found is None:
        raise not_found("this post is not kept: it was deleted, or is too old")
    return found, state
