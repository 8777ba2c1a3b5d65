"""The README's pictures of the dashboard, from the sample archive as `make demo` replays it.

python -m tests.e2e.page.screenshots deploy/sample
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.conftest import ROOT
from tests.e2e.product import Product
from tests.servers.chromium import chromium

SAMPLE = ROOT / "deploy/sample"
UNDERTONE = (sys.executable, "-c", "from services.cli import main; main()")
SIZE = {"width": 1200, "height": 800}
TOPIC = "Pennivane"
COLOURS = 128
"""A palette: a third of the bytes, and no difference to the eye."""


@contextmanager
def dashboard() -> Iterator[str]:
    """Its address, over the sample archive."""
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder), {"UNDERTONE_DATA_DIR": folder}, UNDERTONE)
        archive = (str(SAMPLE / "posts.jsonl.gz"), "--media", str(SAMPLE / "media"))
        topics = ("--topics", str(SAMPLE / "topics.yaml"))
        product.run("replay", *archive, *topics, "--namespace", "demo", "--no-dashboard")
        log = Path(folder) / "dashboard.log"
        process = product.start("dashboard", "--port", "0")
        try:
            while not (found := re.search(r"Dashboard: (\S+)", log.read_text())):
                if process.poll() is not None:
                    raise SystemExit(log.read_text())
            yield found[1]
        finally:
            process.terminate()
            process.wait(30)


def save(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    print(path)


def main(folder: Path) -> None:
    with dashboard() as url, chromium() as browser:
        page = browser.new_page(viewport=SIZE, color_scheme="light", timezone_id="UTC")
        page.goto(f"{url}/topic/{TOPIC}?namespace=demo")
        page.get_by_role("heading", name="Posts that weigh most").wait_for()
        save(page, folder / "topic.png")
        page.get_by_text("do NOT update the app").first.click()
        page.get_by_role("heading", name="What the networks say").wait_for()
        save(page, folder / "post.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
