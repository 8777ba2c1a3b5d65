"""Twitter/X API v1.1: the streaming API's lines, and the REST API's statuses.

Objects: developer.x.com/en/docs/x-api/v1/data-dictionary. A tweet above 140
characters comes in one of two shapes: *extended* (`full_text`, REST with
tweet_mode=extended) or *compatibility*, where `text` is cut and the whole
stands in `extended_tweet`. Retweets hold the original, whose text is the one
that is not cut. Streams also carry notices; deletions are taken, the others
(limits, withheld content, disconnects) hold no post.
"""

from __future__ import annotations

import msgspec

from services.errors import BadRecord
from services.ingest import times
from services.ingest.draft import MAX_PICTURES, Draft, Gone, Media, Parsed
from services.ingest.formats.json_text import JsonDecoder
from services.ingest.text import unescape_x
from services.records import POST, QUOTE, REPLY, REPOST

NOTICES = frozenset(
    {"limit", "scrub_geo", "status_withheld", "user_withheld", "disconnect", "warning"}
    | {"friends", "friends_str", "event", "control"}
)


class User(msgspec.Struct, gc=False):
    id_str: str | None = None
    id: int | str | None = None
    screen_name: str | None = None


class MediaItem(msgspec.Struct, gc=False):
    type: str | None = None
    media_url_https: str | None = None
    media_url: str | None = None
    id_str: str | None = None
    ext_alt_text: str | None = None


class Entities(msgspec.Struct, gc=False):
    media: list[MediaItem] | None = None


class Extended(msgspec.Struct, gc=False):
    full_text: str | None = None
    entities: Entities | None = None
    extended_entities: Entities | None = None


class EditHistory(msgspec.Struct, gc=False):
    initial_tweet_id: int | str | None = None
    edit_tweet_ids: list[int | str] | None = None


class Tweet(msgspec.Struct):
    id_str: str | None = None
    id: int | str | None = None
    created_at: str | None = None
    timestamp_ms: str | int | None = None
    text: str | None = None
    full_text: str | None = None
    extended_tweet: Extended | None = None
    entities: Entities | None = None
    extended_entities: Entities | None = None
    user: User | None = None
    lang: str | None = None
    in_reply_to_status_id_str: str | None = None
    in_reply_to_status_id: int | str | None = None
    is_quote_status: bool | None = None
    quoted_status_id_str: str | None = None
    quoted_status_id: int | str | None = None
    retweeted_status: Tweet | None = None
    edit_history: EditHistory | None = None


class DeletedStatus(msgspec.Struct, gc=False):
    id_str: str | None = None
    id: int | str | None = None


class Delete(msgspec.Struct, gc=False):
    status: DeletedStatus | None = None
    timestamp_ms: str | int | None = None


class Line(Tweet):
    """A line of a stream, or a page of a search: tweets, a notice, or `statuses`."""

    delete: Delete | None = None
    statuses: list[Tweet] | None = None


_lines = JsonDecoder(Line)
_any = JsonDecoder(dict[str, msgspec.Raw])


def parse(line: bytes) -> list[Parsed]:
    """What one line, or a whole search answer, holds. `BadRecord` where nothing can be read."""
    tweet = _lines.decode(line)
    if tweet.statuses is not None:
        return [_kept(status) for status in tweet.statuses]
    if tweet.delete is not None:
        return [_gone(tweet.delete)]
    if tweet.id_str is None and tweet.id is None:
        return _notice(line)
    return [draft(tweet)]


def _kept(tweet: Tweet) -> Parsed:
    """One bad tweet in a page spoils only itself."""
    try:
        return draft(tweet)
    except BadRecord as error:
        return error


def _notice(line: bytes) -> list[Parsed]:
    names = set(_any.decode(line))
    if names & NOTICES:
        return []
    raise BadRecord("not_a_post", f"an object of {sorted(names)[:8]} is no tweet of API v1.1")


def _gone(notice: Delete) -> Gone:
    if notice.status is None:
        raise BadRecord("not_a_post", "a delete notice without a status")
    id_text = _id(notice.status.id_str, notice.status.id)
    return Gone(f"x:{id_text}", times.whole(str(notice.timestamp_ms)))


def draft(tweet: Tweet) -> Draft:
    """The tweet; a retweet has its own id, time and author, and the original's content."""
    content = tweet.retweeted_status or tweet
    own_id = _first_version(tweet)
    text = _text(content)
    if text is None:
        raise BadRecord("missing_text", "the tweet has neither full_text nor text")
    user = tweet.user or User()
    name = user.screen_name or ""
    reply = tweet.in_reply_to_status_id_str or tweet.in_reply_to_status_id
    kind, original = _kind(tweet, bool(reply))
    return Draft(
        id=f"x:{own_id}",
        platform="x",
        created_at_ms=_created(tweet),
        text=unescape_x(text),
        author=f"x:{_id(user.id_str, user.id)}" if user.id_str or user.id else "",
        author_name=name,
        lang=content.lang or "",
        kind=kind,
        url=f"https://x.com/{name or 'i'}/status/{_id(tweet.id_str, tweet.id)}",
        original_id=f"x:{original}" if original else "",
        media=_media(content),
    )


def _id(text: str | None, number: int | str | None) -> str:
    found = text or (str(number) if number is not None else "")
    if not found:
        raise BadRecord("missing_id", "an object without id")
    return found


def _first_version(tweet: Tweet) -> str:
    """An edited tweet is the same post: it goes by the id of its first version."""
    history = tweet.edit_history
    if history is not None:
        if history.initial_tweet_id:
            return str(history.initial_tweet_id)
        if history.edit_tweet_ids:
            return str(history.edit_tweet_ids[0])
    return _id(tweet.id_str, tweet.id)


def _text(tweet: Tweet) -> str | None:
    whole = tweet.extended_tweet.full_text if tweet.extended_tweet else None
    return tweet.full_text or whole or tweet.text


def _kind(tweet: Tweet, reply: bool) -> tuple[str, str]:
    """The strongest of what a tweet is, and what it repeats or quotes."""
    if tweet.retweeted_status is not None:
        return REPOST, _first_version(tweet.retweeted_status)
    quoted = tweet.quoted_status_id_str or tweet.quoted_status_id
    if tweet.is_quote_status and quoted:
        return QUOTE, str(quoted)
    return (REPLY, "") if reply else (POST, "")


def _created(tweet: Tweet) -> int | None:
    """To the millisecond where the line says so; else to the second, or from the id."""
    exact = times.whole(str(tweet.timestamp_ms))
    if exact:
        return exact
    if tweet.created_at:
        return times.from_x(tweet.created_at)
    return times.from_snowflake(_id(tweet.id_str, tweet.id))


def _media(tweet: Tweet) -> tuple[Media, ...]:
    """Photos. `extended_entities` has all of them, `entities` the first alone."""
    whole = tweet.extended_tweet
    places = (
        whole.extended_entities if whole else None,
        whole.entities if whole else None,
        tweet.extended_entities,
        tweet.entities,
    )
    items = next((place.media for place in places if place and place.media), ())
    return tuple(
        Media(
            item.media_url_https or item.media_url or "", item.id_str or "", item.ext_alt_text or ""
        )
        for item in items
        if (item.type or "photo") == "photo"
    )[:MAX_PICTURES]
