"""The page's files: what the content policy and the budget rest on."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from pathlib import Path

import pytest

from services.dashboard import __file__ as package

STATIC = Path(package).parent / "static"
VENDOR = STATIC / "vendor/uplot-1.6.32"
PUBLISHED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
"""Digests of uPlot 1.6.32 as npm's registry has it."""
BUDGET = 300_000
OURS = sorted(p for p in STATIC.rglob("*.js") if "vendor" not in p.parts)
PAGE = (STATIC / "index.html").read_text("utf-8")


def test_uplot_is_as_published() -> None:
    assert {path.name for path in VENDOR.iterdir()} == set(PUBLISHED)
    for name, digest in PUBLISHED.items():
        assert sha256((VENDOR / name).read_bytes()).hexdigest() == digest


def test_nothing_is_inline() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", PAGE) == []


def test_nothing_comes_from_elsewhere() -> None:
    addresses = re.findall(r'(?:src|href)="([^"]+)"', PAGE)
    assert all(a.startswith(("/static/", "#")) or a == "/" for a in addresses)
    for path in STATIC.rglob("*.css"):
        assert re.findall(r"url\(['\"]?(?:https?:)?//|@import", path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.name)
def test_strangers_text_is_never_markup(path: Path) -> None:
    """Text becomes text nodes alone; attributes that run something are never set from data."""
    code = path.read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)
    assert not re.search(r"createContextualFragment|DOMParser|new Function|srcdoc", code)


def test_every_module_is_preloaded() -> None:
    """Else the browser finds them one behind the other."""
    preloaded = set(re.findall(r'modulepreload" href="/static/([^"]+)"', PAGE))
    modules = {p.relative_to(STATIC).as_posix() for p in OURS} - {"js/app.js", "js/theme.js"}
    assert preloaded == modules


def test_files_fit_the_budget() -> None:
    """All of the page's own files, as they travel."""
    files = [p for p in STATIC.rglob("*") if p.is_file() and p.name != "LICENSE"]
    assert sum(len(gzip.compress(p.read_bytes())) for p in files) < BUDGET / 2


def test_files_stay_readable() -> None:
    for path in OURS:
        assert len(path.read_text("utf-8").splitlines()) <= 300, path
