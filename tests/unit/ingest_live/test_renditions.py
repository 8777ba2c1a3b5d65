"""Platforms' smaller renditions of a picture."""

from __future__ import annotations

import pytest

from services.ingest.fetch import renditions

TWITTER = "https://pbs.twimg.com/media/EzcPGyaWgAMTu_3"
BLUESKY = "https://cdn.bsky.app/img/{}/plain/did:plc:abc/bafkrei123@jpeg"
MASTODON = "https://files.example/media_attachments/files/109/382/{}/1b2c.png"


@pytest.mark.parametrize(
    ("url", "smaller"),
    [
        (f"{TWITTER}.jpg", f"{TWITTER}?format=jpg&name=small"),
        (f"{TWITTER}.png:large", f"{TWITTER}?format=png&name=small"),
        (f"{TWITTER}?format=webp&name=orig", f"{TWITTER}?format=webp&name=small"),
        (BLUESKY.format("feed_fullsize"), BLUESKY.format("feed_thumbnail")),
        (MASTODON.format("original"), MASTODON.format("small")),
    ],
)
def test_the_smaller_one_is_asked_for_first(url: str, smaller: str) -> None:
    assert renditions(url) == (smaller, url)


@pytest.mark.parametrize(
    "url",
    [
        BLUESKY.format("feed_thumbnail"),
        MASTODON.format("small"),
        "https://example.com/media_attachments/a.png",
        "https://pbs.twimg.com/profile_images/1/a.jpg",
    ],
)
def test_others_are_taken_as_they_are(url: str) -> None:
    assert renditions(url) == (url,)
