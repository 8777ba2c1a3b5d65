"""Posts in the form in which Twitter's Streaming API v1.1 sent them."""

from __future__ import annotations

import html
import random
import re
import string
from datetime import UTC, datetime
from typing import Any, NamedTuple

EPOCH_MS = 1_288_834_974_657
"""Where the platform's post ids begin to count milliseconds."""
NOTE = "Written for Undertone's sample archive: brands, people and events are made up."
SOURCE = (
    '<a href="https://example.com/undertone-sample" rel="nofollow">Undertone sample (fiction)</a>'
)
SHORT = 140
"""Longer texts are cut in `text` and stand whole in `extended_tweet`."""


class Media(NamedTuple):
    """One picture: its file's name, the platform's number for it, its size in pixels."""

    name: str
    id: int
    width: int
    height: int


def tweet(
    rng: random.Random,
    moment_ms: int,
    user: dict[str, Any],
    text: str,
    lang: str,
    media: list[Media],
    quoted: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One original post; with `quoted`, a quote of that one."""
    number = _number(rng, moment_ms)
    body = html.escape(text, quote=False)
    link = f"https://t.co/{_letters(rng)}" if media else ""
    whole = f"{body} {link}".strip()
    entities = _entities(body)
    pictures = [_media(m, link, len(body) + 1, user, number) for m in media]
    post = _base(number, moment_ms, user, lang)
    if len(whole) <= SHORT:
        post |= {"text": whole, "display_text_range": [0, len(body)], "truncated": False}
        post |= _with_media(entities, pictures)
    else:
        post |= _truncated(rng, number, body, whole, entities, pictures)
    if quoted is not None:
        post["is_quote_status"] = True
        post["quoted_status_id"] = quoted["id"]
        post["quoted_status_id_str"] = quoted["id_str"]
        post["quoted_status"] = _embedded(quoted)
    return post


def reply_to(post: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    """The post as a reply to another."""
    return {
        **post,
        "in_reply_to_status_id": target["id"],
        "in_reply_to_status_id_str": target["id_str"],
        "in_reply_to_user_id": target["user"]["id"],
        "in_reply_to_user_id_str": target["user"]["id_str"],
        "in_reply_to_screen_name": target["user"]["screen_name"],
    }


def repost(
    rng: random.Random, moment_ms: int, user: dict[str, Any], original: dict[str, Any]
) -> dict[str, Any]:
    """A repost ("retweet") of a post, which it carries whole."""
    original["retweet_count"] += 1
    original["favorite_count"] += rng.randint(0, 4)
    handle = original["user"]["screen_name"]
    start = f"RT @{handle}: "
    text = start + original["text"]
    cut = len(text) > SHORT or original["truncated"]
    post = _base(_number(rng, moment_ms), moment_ms, user, original["lang"])
    post["text"] = f"{text[: SHORT - 1]}…" if cut else text
    post["truncated"] = False
    entities = _entities(post["text"])
    pictures = original.get("extended_entities", {}).get("media", [])
    moved = [
        {
            **picture,
            "indices": [index + len(start) for index in picture["indices"]],
            "source_status_id": original["id"],
            "source_status_id_str": original["id_str"],
        }
        for picture in pictures
    ]
    post |= _with_media(entities, [] if cut else moved)
    post["retweeted_status"] = _embedded(original)
    return post


def _base(number: int, moment_ms: int, user: dict[str, Any], lang: str) -> dict[str, Any]:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return {
        "created_at": moment.strftime("%a %b %d %H:%M:%S +0000 %Y"),
        "id": number,
        "id_str": str(number),
        "text": "",
        "source": SOURCE,
        "truncated": False,
        "in_reply_to_status_id": None,
        "in_reply_to_status_id_str": None,
        "in_reply_to_user_id": None,
        "in_reply_to_user_id_str": None,
        "in_reply_to_screen_name": None,
        "user": user,
        "geo": None,
        "coordinates": None,
        "place": None,
        "contributors": None,
        "is_quote_status": False,
        "quote_count": 0,
        "reply_count": 0,
        "retweet_count": 0,
        "favorite_count": 0,
        "favorited": False,
        "retweeted": False,
        "possibly_sensitive": False,
        "filter_level": "low",
        "lang": lang,
        "timestamp_ms": str(moment_ms),
        "note": NOTE,
    }


def _truncated(
    rng: random.Random,
    number: int,
    body: str,
    whole: str,
    entities: dict[str, Any],
    pictures: list[dict[str, Any]],
) -> dict[str, Any]:
    own = f"https://t.co/{_letters(rng)}"
    head = body[:115].rsplit(" ", 1)[0] + "… "
    link = {
        "url": own,
        "expanded_url": f"https://example.com/i/web/status/{number}",
        "display_url": "example.com/i/web/status/…",
        "indices": [len(head), len(head) + len(own)],
    }
    return {
        "text": head + own,
        "display_text_range": [0, SHORT],
        "truncated": True,
        "entities": {**_entities(head), "urls": [link]},
        "extended_tweet": {
            "full_text": whole,
            "display_text_range": [0, len(body)],
            **_with_media(entities, pictures),
        },
    }


def _with_media(entities: dict[str, Any], pictures: list[dict[str, Any]]) -> dict[str, Any]:
    if not pictures:
        return {"entities": entities}
    return {
        "entities": {**entities, "media": pictures[:1]},
        "extended_entities": {"media": pictures},
    }


def _embedded(post: dict[str, Any]) -> dict[str, Any]:
    """A copy as it stands now, as one post carries another: without the stream's own field."""
    return {key: value for key, value in post.items() if key not in ("timestamp_ms", "note")}


def _entities(body: str) -> dict[str, Any]:
    return {
        "hashtags": [
            {"text": match[1], "indices": list(match.span())}
            for match in re.finditer(r"(?<!\w)#(\w+)", body)
        ],
        "urls": [],
        "user_mentions": [
            {"screen_name": match[1], "name": match[1], "indices": list(match.span())}
            for match in re.finditer(r"(?<!\w)@(\w+)", body)
        ],
        "symbols": [],
    }


def _media(
    media: Media, link: str, start: int, user: dict[str, Any], number: int
) -> dict[str, Any]:
    url = f"pictures.example.com/media/{media.name}"
    size = {"w": media.width, "h": media.height, "resize": "fit"}
    return {
        "id": media.id,
        "id_str": str(media.id),
        "indices": [start, start + len(link)],
        "media_url": f"http://{url}",
        "media_url_https": f"https://{url}",
        "url": link,
        "display_url": f"pic.example.com/{link[-10:]}",
        "expanded_url": f"https://example.com/{user['screen_name']}/status/{number}/photo/1",
        "type": "photo",
        "sizes": {"thumb": {"w": 150, "h": 150, "resize": "crop"}, "small": size, "large": size},
    }


def _number(rng: random.Random, moment_ms: int) -> int:
    return ((moment_ms - EPOCH_MS) << 22) | rng.getrandbits(22)


def _letters(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits, k=10))
