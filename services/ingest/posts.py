"""Drafts to the records that travel: topics, pictures, namespace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from services.errors import BadRecord
from services.ingest.draft import Draft
from services.ingest.media import MISSING, Pictures
from services.ingest.source import Counters
from services.records import Post
from services.topics import PostView


class Matcher(Protocol):
    """Names the topics of a post. `services.topics.Topics` is one."""

    def match(self, view: PostView) -> tuple[str, ...]: ...


class PostBuilder:
    """Makes posts of drafts, and counts what came of their pictures."""

    def __init__(
        self,
        namespace: str,
        matcher: Callable[[], Matcher],
        pictures: Pictures,
        now_ms: Callable[[], int],
        counters: Counters,
    ) -> None:
        """`matcher` is asked for each batch, since a topics file may change meanwhile."""
        self._namespace, self._matcher, self._pictures = namespace, matcher, pictures
        self._now_ms, self._counters = now_ms, counters

    def topics(self, draft: Draft) -> tuple[str, ...]:
        """The topics that take the post, whether or not its pictures can be had."""
        view = PostView(
            draft.text,
            draft.lang,
            draft.platform,
            draft.author,
            draft.author_name,
            draft.kind,
            bool(draft.media),
        )
        return self._matcher().match(view)

    def posts(self, matched: Sequence[tuple[Draft, tuple[str, ...]]]) -> list[Post]:
        """The records of drafts with their topics, pictures filled in all at once.

        `BadRecord` for a time that can't be true: whoever holds the original bytes
        checks that before (`times.checked`), and refuses the post.
        """
        if not matched:
            return []
        now_ms = self._now_ms()
        filled = self._pictures.of([draft for draft, _ in matched])
        posts = []
        for (draft, topics), pictures in zip(matched, filled, strict=True):
            arrived_at_ms = draft.arrived_at_ms or now_ms
            if draft.created_at_ms is None:
                raise BadRecord("missing_timestamp", draft.id)
            posts.append(
                Post(
                    draft.id,
                    self._namespace,
                    draft.platform,
                    draft.created_at_ms,
                    arrived_at_ms,
                    draft.text,
                    topics,
                    draft.author,
                    draft.author_name,
                    draft.lang,
                    draft.kind,
                    draft.url,
                    draft.original_id,
                    pictures,
                )
            )
            for picture in pictures:
                self._count(picture.jpeg is not None, picture.reason)
        self._counters.posts_matched += len(posts)
        self._counters.pairs_matched += sum(len(post.topics) for post in posts)
        return posts

    def _count(self, had: bool, reason: str) -> None:
        if had:
            self._counters.images_ok += 1
            return
        self._counters.reason(reason)
        if reason in MISSING:
            self._counters.images_missing += 1
        else:
            self._counters.images_failed += 1
