"""X API v2: pages with `data` and `includes` as twarc2 writes them, flattened or not.

Objects: docs.x.com/x-api/fundamentals/data-dictionary. What stands in `data`
are the posts; `includes` holds what they point to (authors, media, referenced
posts) and is never counted. twarc2's flattened form writes the included
objects into the post, one post a line. A line of the filtered stream is a page
with a single object as `data`.
"""

from __future__ import annotations

import re

import msgspec

from services.errors import BadRecord
from services.ingest import times
from services.ingest.draft import MAX_PICTURES, Draft, Gone, Media, Parsed
from services.ingest.formats.json_text import JsonDecoder
from services.ingest.text import unescape_x
from services.records import POST, QUOTE, REPLY, REPOST

_RT = re.compile(r"RT @\w{1,20}: ")


class User(msgspec.Struct, gc=False):
    id: str | None = None
    username: str | None = None


class MediaItem(msgspec.Struct, gc=False):
    media_key: str | None = None
    type: str | None = None
    url: str | None = None
    alt_text: str | None = None


class Attachments(msgspec.Struct, gc=False):
    media_keys: list[str] | None = None
    media: list[MediaItem] | None = None


class Note(msgspec.Struct, gc=False):
    text: str | None = None


class Tweet(msgspec.Struct):
    """A post; `type`, `author` and `attachments.media` stand there in the flattened form."""

    id: str | None = None
    text: str | None = None
    created_at: str | None = None
    author_id: str | None = None
    lang: str | None = None
    note_tweet: Note | None = None
    attachments: Attachments | None = None
    referenced_tweets: list[Tweet] | None = None
    edit_history_tweet_ids: list[str] | None = None
    author: User | None = None
    type: str | None = None


class Includes(msgspec.Struct):
    users: list[User] | None = None
    tweets: list[Tweet] | None = None
    media: list[MediaItem] | None = None


class DeletedTweet(msgspec.Struct, gc=False):
    id: str | None = None


class Compliance(msgspec.Struct):
    """An event of the compliance stream: developer.x.com, "Compliance streams"."""

    tweet: DeletedTweet | None = None
    event_at: str | None = None


class Data(Tweet):
    delete: Compliance | None = None


class Line(Tweet):
    data: list[Tweet] | Data | None = None
    includes: Includes | None = None
    errors: msgspec.Raw = msgspec.Raw()
    meta: msgspec.Raw = msgspec.Raw()


class _Context:
    """The included objects by their keys."""

    def __init__(self, includes: Includes | None) -> None:
        found = includes or Includes()
        self.users = {user.id: user for user in found.users or ()}
        self.tweets = {tweet.id: tweet for tweet in found.tweets or ()}
        self.media = {item.media_key: item for item in found.media or ()}


_lines = JsonDecoder(Line)


def parse(line: bytes) -> list[Parsed]:
    """What one line holds: a page of posts, one post, or an answer without any."""
    page = _lines.decode(line)
    context = _Context(page.includes)
    if isinstance(page.data, list):
        return [_kept(tweet, context) for tweet in page.data]
    if page.data is not None:
        return [_gone(page.data.delete)] if page.data.delete else [draft(page.data, context)]
    if page.id is not None:
        return [draft(page, context)]
    if page.errors or page.meta or page.includes:
        return []
    raise BadRecord("not_a_post", "neither `data` nor `id`: no answer of API v2")


def _kept(tweet: Tweet, context: _Context) -> Parsed:
    try:
        return draft(tweet, context)
    except BadRecord as error:
        return error


def _gone(event: Compliance) -> Gone:
    if event.tweet is None or not event.tweet.id:
        raise BadRecord("not_a_post", "a compliance event without a tweet")
    return Gone(f"x:{event.tweet.id}", times.from_iso(event.event_at) if event.event_at else None)


def draft(tweet: Tweet, context: _Context) -> Draft:
    """The post; a retweet has its own id, time and author, and the original's content."""
    if not tweet.id:
        raise BadRecord("missing_id", "a post without id")
    kind, original = _kind(tweet)
    content = _resolved(original, context) if original and kind == REPOST else tweet
    text = _text(content)
    if text is None:
        text, content = _cut_text(tweet), tweet
    user = tweet.author or context.users.get(tweet.author_id) or User(id=tweet.author_id)
    return Draft(
        id=f"x:{_first_version(tweet)}",
        platform="x",
        created_at_ms=_created(tweet),
        text=unescape_x(text),
        author=f"x:{tweet.author_id or user.id}" if tweet.author_id or user.id else "",
        author_name=user.username or "",
        lang=content.lang or tweet.lang or "",
        kind=kind,
        url=f"https://x.com/{user.username or 'i'}/status/{tweet.id}",
        original_id=f"x:{_first_version(_resolved(original, context))}" if original else "",
        media=_media(content, context) or _media(tweet, context),
    )


def _first_version(tweet: Tweet) -> str:
    """An edited post goes by the id of its first version: one count per post."""
    return tweet.edit_history_tweet_ids[0] if tweet.edit_history_tweet_ids else tweet.id or ""


def _resolved(reference: Tweet, context: _Context) -> Tweet:
    """The referenced post: in the reference (flattened), included, or known by its id alone."""
    if reference.text is not None:
        return reference
    return context.tweets.get(reference.id) or reference


def _kind(tweet: Tweet) -> tuple[str, Tweet | None]:
    by_type = {reference.type: reference for reference in tweet.referenced_tweets or ()}
    for name, kind in (("retweeted", REPOST), ("quoted", QUOTE)):
        if name in by_type and by_type[name].id:
            return kind, by_type[name]
    return (REPLY if "replied_to" in by_type else POST), None


def _text(tweet: Tweet) -> str | None:
    return (tweet.note_tweet.text if tweet.note_tweet else None) or tweet.text


def _cut_text(tweet: Tweet) -> str:
    """A retweet whose original is not included: its own text, less `RT @name: `."""
    text = _text(tweet)
    if text is None:
        raise BadRecord("missing_text", f"{tweet.id} has no text")
    return _RT.sub("", text, count=1) if text.startswith("RT @") else text


def _created(tweet: Tweet) -> int | None:
    """As the post says, else from its id (`created_at` is an optional field of API v2)."""
    return (
        times.from_iso(tweet.created_at)
        if tweet.created_at
        else times.from_snowflake(tweet.id or "")
    )


def _media(tweet: Tweet, context: _Context) -> tuple[Media, ...]:
    """Photos. A media key that is not included counts by its prefix: 3 is a photo."""
    attached = tweet.attachments
    if attached is None:
        return ()
    given = {item.media_key: item for item in attached.media or ()}
    items = [
        given.get(key)
        or context.media.get(key)
        or MediaItem(key, "photo" if key[:2] == "3_" else "")
        for key in attached.media_keys or given
        if key
    ]
    return tuple(
        Media(item.url or "", item.media_key or "", item.alt_text or "")
        for item in items
        if item.type == "photo"
    )[:MAX_PICTURES]
