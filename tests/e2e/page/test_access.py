"""Everybody can use it: by keyboard, by screen reader, on a phone, on a slow line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from services.store.vitals import Hop, Lag, Latency, Model, Process, Vitals
from tests.conftest import ROOT
from tests.e2e.page.conftest import DESKTOP, Visit
from tests.e2e.page.site import DEMO, Feed, Site, now_ms

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

SHOTS = Path(os.environ.get("UNDERTONE_SCREENSHOTS") or ROOT / ".cache/screenshots")
"""Screenshots of each view, for people to look at."""
PHONE = {"width": 360, "height": 740}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": PHONE, "device_scale_factor": 2},
}
BUDGET = 300_000
FIRST_PAINT_MS = 1_000
JUDGE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(v => ['moderate', 'serious', 'critical'].includes(v.impact))
    .map(v => [v.id, ...v.nodes.slice(0, 3).map(n => [n.target.join(' '), n.failureSummary])])"""

ENTRIES = """performance.getEntriesByType('resource')
    .filter(e => !e.name.includes('/events')).concat(performance.getEntriesByType('navigation'))"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def post_address(site: Site) -> str:
    page = site.ask(f"topics/Pennivane/posts?namespace={DEMO}&limit=1")
    post = page["posts"][0]
    return (
        f"/post?namespace={DEMO}&topic=Pennivane&id={post['id']}"
        f"&created_at_ms={post['created_at_ms']}"
    )


def addresses(site: Site, feed: Feed) -> dict[str, str]:
    """Every view in a state that shows what it can."""
    feed.add("Pennivane", 12, label=0, score=-7_000, text="the card is declined again")
    feed.raise_alert("Pennivane")
    return {
        "overview": f"/?namespace={DEMO}",
        "topic": f"/topic/Pennivane?namespace={DEMO}",
        "compare": f"/topic/Pennivane?namespace={DEMO}&compare={feed.namespace}",
        "post": post_address(site),
        "alerts": f"/alerts?namespace={feed.namespace}",
        "operations": f"/operations?namespace={DEMO}",
        "missing": f"/topic/nobody?namespace={DEMO}",
    }


def a_process(command: str, *stages: str) -> Process:
    hops = [
        Hop(stage=s, read=12_000, written=11_990, read_per_s=310.0, turned_s=0.1) for s in stages
    ]
    return Process(
        id=command, command=command, host="node-1", pid=41, versions={"undertone": "0.1.0"},
        started_ms=now_ms() - 7_200_000, at_ms=now_ms(), healthy=command != "aggregate",
        reason="" if command != "aggregate" else "the store did not answer for 3 s",
        memory_bytes=412 << 20, hops=hops,
        lag=[Lag("undertone.posts", "undertone.inference", n, 40 * n) for n in range(3)],
        latency=Latency(0.12, 0.7, 900), pairs_per_request=31.4,
        models=[Model(name="sentiment", where="triton", runs=90, pairs=2800, batch=31.1,
                      queue_ms=3.2, compute_ms=88.0)],
    )  # fmt: skip


def settle(page: Page) -> None:
    """Until nothing is on its way any more."""
    page.wait_for_selector("#view[aria-busy=false]")
    expect(page.locator(".skeleton")).to_have_count(0)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(150)


@pytest.mark.parametrize("look", LOOKS)
def test_every_view_is_accessible_and_keeps_its_shape(
    visit: Visit, site: Site, feed: Feed, axe_core: str, look: str
) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    vitals = Vitals(site.store.client)
    views = addresses(site, feed)
    for process in (a_process("infer", "inference"), a_process("aggregate", "aggregation")):
        vitals.publish(process)
    page = visit(views["overview"], grumbles=False, **LOOKS[look])
    for name, path in views.items():
        page.goto(site.url + path)
        settle(page)
        if name == "alerts":
            page.get_by_role("button", name="Why?").first.click()
            settle(page)
        page.evaluate(axe_core)
        assert page.evaluate(JUDGE) == [], name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        page.screenshot(path=SHOTS / f"{name}-{look}.png", full_page=True)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(JUDGE) == []
    page.screenshot(path=SHOTS / f"shortcuts-{look}.png")


def test_the_page_is_small_and_quick(visit: Visit, site: Site) -> None:
    page = visit()
    expect(page.locator("li.card")).to_have_count(3)
    sizes = page.evaluate(f"() => [...{ENTRIES}].map(e => [e.name, e.transferSize])")
    assert min(size for _, size in sizes) > 0, "something was not counted"
    assert sum(size for _, size in sizes) < BUDGET, sizes
    times = []
    for _ in range(3):
        page.goto("about:blank")
        page.goto(f"{site.url}/?namespace={DEMO}")
        expect(page.locator("li.card")).to_have_count(3)
        times.append(page.evaluate(PAINTED))
    assert min(times) < FIRST_PAINT_MS, times


def focused(page: Page) -> str:
    return str(
        page.evaluate("""() => { const e = document.activeElement;
        return e.getAttribute('aria-label') ?? e.innerText ?? e.tagName }""")
    )


def test_all_is_reached_by_keyboard(visit: Visit) -> None:
    page = visit(f"/?namespace={DEMO}&sort=name")
    expect(page.locator("li.card")).to_have_count(3)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        if not page.evaluate("document.activeElement.matches(':focus-visible')"):
            break
        seen.append(focused(page))
        if seen[-1] == "Pin Pennivane":
            break
    expected = [
        "1m",
        "5m",
        "15m",
        "1h",
        "24h",
        "Murrowbean",
        "Pin Murrowbean",
        "Ovelint",
        "Pennivane",
    ]
    assert [name for name in seen if name in expected and seen.index(name) >= 1][: len(expected)]
    assert set(expected) <= set(seen)


def test_shortcuts_and_focus_after_a_live_update(visit: Visit, feed: Feed) -> None:
    feed.add("Brand", 2)
    page = visit(f"/?namespace={feed.namespace}&window=15m")
    expect(page.locator("li.card")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.locator("input[type=search]")).to_be_focused()
    page.keyboard.type("bra")
    feed.add("Brand", 1)
    expect(page.locator(".card-foot data")).to_have_text("3")
    assert page.evaluate("document.activeElement.value") == "bra"
    page.get_by_role("link", name="Brand", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Brand")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("o")
    expect(page.get_by_role("heading", level=1)).to_have_text("Operations")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_choices_are_kept(visit: Visit, feed: Feed) -> None:
    for number in range(30):
        feed.add(f"Topic {number:02}", 1 + number % 3)
    page = visit(f"/?namespace={feed.namespace}&window=15m&sort=name")
    expect(page.locator("li.card")).to_have_count(24)
    page.get_by_role("button", name="Next").click()
    expect(page.locator("li.card")).to_have_count(6)
    page.get_by_role("button", name="Pin Topic 29").click()
    page.reload()
    pinned = page.get_by_role("region", name="Pinned")
    expect(pinned.get_by_role("link")).to_have_text("Topic 29")
    page.get_by_role("searchbox").fill("topic 1")
    expect(page.locator("li.card")).to_have_count(10)
    page.get_by_label("Sort").select_option("count")
    assert "sort=count" in page.url
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No topic matches")).to_be_visible()


def test_a_drag_zooms_and_a_double_click_zooms_out(visit: Visit, site: Site) -> None:
    page = visit(f"/topic/Pennivane?namespace={DEMO}")
    over = page.locator(".chart .u-over").first
    over.wait_for()
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    expect(page.locator(".tooltip").first).to_contain_text("Mean score")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=**")
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute(
        "aria-pressed", "false"
    )
    posts = page.locator("dl.figures > div").nth(1).locator("data")
    expect(posts).not_to_have_text("246")
    zoomed = page.url
    page.mouse.dblclick(box["x"] + 80, box["y"] + 60)
    page.wait_for_url(lambda url: url != zoomed)
    page.get_by_role("button", name="1h", exact=True).click()
    expect(posts).to_have_text(str(site.rolling("1h")["Pennivane"]["count"]))


def test_a_post_is_shown_as_the_networks_saw_it(visit: Visit, site: Site) -> None:
    page = visit(post_address(site))
    verdicts = page.locator(".probabilities")
    expect(verdicts).to_have_count(3)
    found = site.ask(f"topics/Pennivane/posts?namespace={DEMO}&limit=1")["posts"][0]
    shown = verdicts.first.locator("data").first
    assert float(shown.get_attribute("value") or "") == pytest.approx(found["dmlanet"][0])
    expect(page.locator(".word").first).to_be_visible()
    original = page.get_by_role("link", name="Open the original")
    assert original.get_attribute("rel") == "noopener noreferrer"
    page.get_by_role("button", name="RNN-CA").click()
    expect(page.locator(".panel", has_text="RNN-CA attended most to").first).to_be_visible()
    page.get_by_role("button", name="Hidden").click()
    expect(page.locator(".word")).to_have_count(0)
