"""A real Chromium for the dashboard's tests, and axe-core to judge the page with.

Chromium is the system's, or the one that `playwright install chromium` brought.
axe-core (MPL-2.0) comes from the npm registry as it was published, is checked
against its digest, and stays in `.cache/axe-core`; it is not part of the product.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.servers.local import ServerMissing, alone

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "axe-core"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",  # CI runs as root, in a container of its own
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
AXE = "4.14.1"
AXE_SHA512 = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
"""As the registry states it (`npm view axe-core@… dist.integrity`)."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        found = next((path for name in NAMES if (path := shutil.which(name))), None)
        if found is None and not own.exists():
            raise ServerMissing(
                "no Chromium on the PATH (Debian: apt install chromium; anywhere: "
                "python -m playwright install chromium)"
            )
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def axe() -> str:
    """axe-core as one script, fetched once."""
    held = CACHE / f"axe-{AXE}.min.js"
    with alone(CACHE):
        if not held.is_file():
            held.write_bytes(_unpack(packed("axe-core", AXE, AXE_SHA512), "package/axe.min.js"))
    return held.read_text("utf-8")


def packed(name: str, version: str, sha512: str) -> bytes:
    """A package as npm's registry has it. `ServerMissing` where it can't be had or is another."""
    if shutil.which("npm") is None:
        raise ServerMissing(f"{name} comes from npm's registry, and there is no npm on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{name}@{version}"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
        )
        files = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(files) != 1:
            raise ServerMissing(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
        package = files[0].read_bytes()
    digest = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if digest != sha512:
        raise RuntimeError(f"{name} {version} is not what was published: sha512-{digest}")
    return package


def _unpack(package: bytes, member: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        file = archive.extractfile(member)
        if file is None:
            raise RuntimeError(f"the package holds no {member}")
        return file.read()
