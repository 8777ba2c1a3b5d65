"""The sample archive, replayed once through the networks that ship, as `make demo` does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.e2e.product import REAL, Product
from tests.servers.valkey import ValkeyServer

FOLDER = ROOT / "deploy/sample"
POSTS, TOPICS, MEDIA = FOLDER / "posts.jsonl.gz", FOLDER / "topics.yaml", FOLDER / "media"
NAMESPACE = "demo"


@dataclass(frozen=True)
class Sample:
    """Where its figures are; tests read them, and write into namespaces of their own."""

    product: Product
    store: ValkeyServer
    report: dict[str, Any]
    scores: Path


def on_valkey(folder: Path, store: ValkeyServer) -> Product:
    """An installation on this Valkey, with the networks that ship."""
    environment = {
        "UNDERTONE_DATA_DIR": str(folder / "data"),
        "UNDERTONE_STORE_URL": store.url,
        "UNDERTONE_DASHBOARD_PORT": "0",
    }
    return Product(folder, environment, REAL)


def replay(folder: Path, store: ValkeyServer) -> Sample:
    product, report, scores = on_valkey(folder, store), folder / "report", folder / "scores"
    product.run(
        "replay", str(POSTS), "--media", str(MEDIA), "--topics", str(TOPICS),
        "--namespace", NAMESPACE, "--report", str(report), "--scores", str(scores),
        "--no-dashboard",
    )  # fmt: skip
    return Sample(product, store, json.loads(report.read_text()), scores)
