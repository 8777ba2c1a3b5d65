"""One browser and one dashboard for all tests of the page.

They live as long as this package: Playwright keeps an event loop in the thread
that runs the tests, where others start loops of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.conftest import missing
from tests.e2e.page.site import DEMO, Feed, Site
from tests.e2e.sample import Sample
from tests.servers.chromium import axe, chromium
from tests.servers.local import ServerMissing

DESKTOP = {"width": 1360, "height": 900}
expect.set_options(timeout=20_000)  # of a machine that is busy with other tests; 5 s otherwise


class Visit(Protocol):
    """Open a page of the dashboard; whatever it complains of fails the test."""

    def __call__(
        self, path: str = ..., *, site: Site = ..., grumbles: bool = ..., **context: Any
    ) -> Page: ...


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as opened:
            yield opened
    except ServerMissing as error:
        missing(f"no browser: {error}")


@pytest.fixture(scope="package")
def site(sample: Sample) -> Iterator[Site]:
    """The sample's figures on a dashboard."""
    with closing(Site(sample.product, sample.store)) as opened:
        opened.start()
        yield opened


@pytest.fixture(scope="package")
def axe_core() -> str:
    """axe-core's source."""
    try:
        return axe()
    except ServerMissing as error:
        missing(f"no axe-core: {error}")
        raise


@pytest.fixture
def feed(site: Site, request: pytest.FixtureRequest) -> Feed:
    """Posts into a replay's namespace of this test's own, which goes on as long as it is fed."""
    return Feed(site.store, request.node.name.replace("[", "-").replace("]", "")[:60])


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    contexts, said = [], []

    def open_page(
        path: str = f"/?namespace={DEMO}",
        *,
        site: Site | None = None,
        grumbles: bool = True,
        **options: Any,
    ) -> Page:
        site = site or request.getfixturevalue("site")
        context = browser.new_context(
            **{
                "viewport": DESKTOP,
                "locale": "en-US",
                "timezone_id": "UTC",
                "reduced_motion": "reduce",
                **options,
            }
        )
        contexts.append(context)
        page = context.new_page()
        if grumbles:
            listen(page, said)
        page.goto(site.url + path)
        page.wait_for_selector("#view[aria-busy=false]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def listen(page: Page, said: list[str]) -> None:
    """Note errors of the page's own, and requests that leave the site."""

    def console(message: ConsoleMessage) -> None:
        lacks_picture = "/api/v1/pictures/" in message.location.get("url", "")
        if message.type in ("error", "warning") and not lacks_picture:
            said.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            said.append(f"a request leaves the site: {request.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))
    page.on("request", asked)
