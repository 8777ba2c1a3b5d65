"""The page's arithmetic, asked in the browser that it runs in."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.page.conftest import Visit

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
HOUR = 3_600_000


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit("/operations")


def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    """What `function` of the module gives."""
    return page.evaluate(
        "([m, f, a]) => import(m).then(module => module[f](...a))",
        [f"/static/js/{module}.js", function, list(arguments)],
    )


def test_numbers_read_well(page: Page) -> None:
    def shown(function: str, *values: Any) -> list[str]:
        return [call(page, "format", function, value) for value in values]

    assert shown("score", 0.449, -0.449, 0.001, -0.001, None) == [
        "+0.45", "−0.45", "0.00", "0.00", "–",
    ]  # fmt: skip
    assert shown("share", 0.555, 1, 0, None) == ["56%", "100%", "0%", "–"]
    assert shown("brief", 9_999, 12_345, 3_400_000) == ["9,999", "12.3K", "3.4M"]
    assert shown("duration", 420, 12_000, 3_600_000, 12_600_000, 90_061_000) == [
        "420 ms", "12 s", "1 h", "3 h 30 min", "1 d 1 h",
    ]  # fmt: skip
    assert shown("elapsed", 3_661_000, -5_000) == ["+1:01:01", "−0:00:05"]


def test_a_mood_needs_more_than_its_uncertainty(page: Page) -> None:
    def mood(*figures: Any) -> str:
        return str(call(page, "format", "mood", *figures))

    assert [mood(0.2, 0.05), mood(0.2, 0.2), mood(-0.2, 0.05)] == [
        "positive",
        "neutral",
        "negative",
    ]
    assert [mood(0.03, None), mood(None, None)] == ["neutral", "none"]


def test_sums_of_panes_are_those_of_their_posts(page: Page) -> None:
    """Two panes: scores 1, -1, 0 and 0.5; the standard error as of all four at once."""
    points = {
        "t": [0, 10], "negative": [1, 0], "neutral": [1, 0], "positive": [1, 1],
        "mean_score": [0.0, 0.5], "standard_error": [3**-0.5, None],
        "reposts": [0, 1], "images": [3, 1],
    }  # fmt: skip
    sums = call(page, "sums", "sumsOf", {"points": points})
    assert (sums["count"], sums["negative"], sums["reposts"], sums["images"]) == (4, 1, 1, 4)
    assert sums["mean"] == pytest.approx(0.125)
    assert sums["error"] == pytest.approx((((1 + 1 + 0 + 0.25) - 4 * 0.125**2) / 3 / 4) ** 0.5)


def detail(first: int, last: int) -> dict[str, Any]:
    return {"kind": "replay", "totals": {"first_post_ms": first, "last_post_ms": last}}


def test_ranges_lie_behind_the_newest_post(page: Page) -> None:
    replay = detail(5 * HOUR + 1, 9 * HOUR + 1)

    def between(query: dict[str, Any]) -> tuple[int, int]:
        found = call(page, "parts/ranges", "rangeOf", query, replay)
        return found["from"], found["to"]

    end = 9 * HOUR + 10_000
    assert between({}) == (5 * HOUR, end)
    assert between({"range": "1h"}) == (end - HOUR, end)
    assert between({"from": "10001", "to": "29999"}) == (10_000, 30_000)
    assert between({"from": "x", "to": "y"}) == (5 * HOUR, end)
    assert call(page, "parts/ranges", "rangeOf", {}, detail(0, 0) | {"totals": {
        "first_post_ms": None, "last_post_ms": None}}) is None  # fmt: skip


def test_a_compared_namespace_is_shown_at_the_same_time_or_as_far_from_its_end(page: Page) -> None:
    mine = detail(0, 9 * HOUR)
    span = {"from": 2 * HOUR, "to": 4 * HOUR}
    near = call(page, "parts/ranges", "likewise", span, mine, detail(HOUR, 3 * HOUR))
    assert (near["from"], near["to"]) == (2 * HOUR, 4 * HOUR)
    far = call(page, "parts/ranges", "likewise", span, mine, detail(100 * HOUR, 109 * HOUR))
    assert (far["from"], far["to"]) == (102 * HOUR, 104 * HOUR)


def test_panes_are_as_fine_as_can_be_read_and_are_kept(page: Page) -> None:
    def fits(length_h: float, ago_h: float = 0) -> str:
        span = {"from": -(length_h + ago_h) * HOUR, "to": -ago_h * HOUR}
        return str(call(page, "windows", "resolutionFor", span, 0))

    assert [fits(0.25), fits(1), fits(6), fits(24), fits(168), fits(720)] == [
        "10s", "1m", "5m", "5m", "1h", "1d",
    ]  # fmt: skip
    assert [fits(0.25, 24), fits(1, 24 * 30)] == ["1m", "1h"]


def test_charts_are_drawn_in_the_colours_of_the_theme(page: Page) -> None:
    """The system's, until the reader chooses; a canvas takes colours, and no `light-dark()`."""

    def drawn() -> tuple[str, str]:
        found = call(page, "chart/colours", "colours")
        return found["ink"], found["negative"]

    light, dark = (
        ("rgb(23, 27, 38)", "rgb(210, 84, 27)"),
        ("rgb(233, 236, 242)", "rgb(232, 118, 60)"),
    )
    page.emulate_media(color_scheme="dark")
    assert drawn() == dark
    call(page, "prefs", "applyTheme", "light")
    assert drawn() == light
    call(page, "prefs", "applyTheme", "auto")
    assert drawn() == dark
