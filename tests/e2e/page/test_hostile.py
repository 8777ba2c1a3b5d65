"""What a stranger wrote neither runs, nor breaks the layout, nor stops the page."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Page, expect

from services.records import Deletion
from tests.e2e.page.conftest import Visit
from tests.e2e.page.site import Feed, now_ms

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

TOPIC = "R&D <b>bold<b> 50% \u202egnp.exe"
HOSTILE = {
    "script": "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>",
    "override": "before \u202eevil\u2066 turned \u200f\u061c round",
    "long": "w" * 10_000,
    "broken": "\u0000\ufffe\ud83d {{7*7}} ${7*7} </textarea></title><style>*{display:none}</style>",
    "zalgo": "Z" + "\u0300\u0301\u0302\u0303" * 300,
}
WIDTHS = (320, 1360)


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture
def hostile(feed: Feed) -> Feed:
    for name, text in HOSTILE.items():
        clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        feed.add(
            TOPIC, text=clean, author_name=clean[:300], lang="<i>", label=0, score=-9_000,
            url="javascript:window.ran=3", id=f"x:{feed.namespace}:{name}/{name}",
            masked_reason="<b>" if name == "broken" else "",
        )  # fmt: skip
    feed.add("W" * 100, label=2)
    feed.raise_alert(TOPIC)
    return feed


@pytest.mark.parametrize("width", WIDTHS)
def test_lists_hold(visit: Visit, hostile: Feed, width: int) -> None:
    size = {"viewport": {"width": width, "height": 800}}
    page = visit("/operations", **size)
    site = page.url.removesuffix("/operations")
    for path in ("/", f"/topic/{quote(TOPIC, safe='')}", "/alerts", "/operations"):
        page.goto(f"{site}{path}?namespace={hostile.namespace}")
        page.wait_for_selector("#view[aria-busy=false]")
        if path.startswith("/topic"):
            expect(page.locator(".post")).to_have_count(len(HOSTILE))
            expect(page.locator(".post", has_text="<script>window.ran = 1")).to_be_visible()
        if path != "/operations":
            expect(page.get_by_text(TOPIC).first).to_be_visible()
        assert overflow(page) <= 0, path
        assert page.evaluate("window.ran") is None
        assert page.locator("main script, main style, main b:has-text('bold')").count() == 0


def test_posts_hold(visit: Visit, hostile: Feed) -> None:
    page = visit(f"/topic/{quote(TOPIC, safe='')}?namespace={hostile.namespace}")
    links = page.locator(".post-text a")
    expect(links).to_have_count(len(HOSTILE))
    page.set_viewport_size({"width": 320, "height": 800})
    for number in range(len(HOSTILE)):
        links.nth(number).click()
        expect(page.locator(".post-words")).to_be_visible()
        assert overflow(page) <= 0
        assert page.evaluate("window.ran") is None
        assert page.get_by_role("link", name="Open the original").count() == 0
        page.go_back()


def test_a_turned_text_turns_nothing_beside_it(visit: Visit, hostile: Feed) -> None:
    """Every text of a stranger stands in an element that isolates its direction."""
    page = visit(f"/topic/{quote(TOPIC, safe='')}?namespace={hostile.namespace}")
    expect(page.locator(".post")).to_have_count(len(HOSTILE))
    for place in (".post-text a > *", ".author", "h1 bdi"):
        for found in page.locator(place).all():
            assert found.evaluate("e => getComputedStyle(e).unicodeBidi") == "isolate"


def test_a_broken_picture_gives_way(visit: Visit, hostile: Feed) -> None:
    page = visit("/operations", grumbles=False)
    page.route("**/api/v1/pictures/**", lambda route: route.fulfill(
        body=b"\xff\xd8 not a picture", content_type="image/jpeg"))  # fmt: skip
    page.goto(page.url.replace("/operations", f"/topic/{quote(TOPIC, safe='')}")
              + f"?namespace={hostile.namespace}")  # fmt: skip
    expect(page.locator(".thumb.broken")).to_have_count(len(HOSTILE))
    page.locator(".post-text a").first.click()
    expect(page.get_by_text("This picture is broken or no longer kept.")).to_be_visible()


def test_a_deleted_post_is_gone_and_says_so(visit: Visit, feed: Feed) -> None:
    (post,) = feed.add("Brand", text="words that were taken back", label=0, score=-9_000)
    query = {"namespace": feed.namespace, "topic": "Brand", "id": post.id}
    page = visit(
        f"/post?{urlencode({**query, 'created_at_ms': post.created_at_ms})}", grumbles=False
    )
    expect(page.get_by_text("words that were taken back")).to_be_visible()
    feed.pass_on([Deletion(post.id, feed.namespace, now_ms())])
    page.reload()
    expect(page.get_by_role("heading", name="This post is not kept")).to_be_visible()
    assert "taken back" not in page.content()
