"""The direction of imports and the one home of each driver, as the design draws them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOPS = {"ingest", "inference", "aggregation", "alerts", "dashboard"}
LAYERS = [
    {"errors", "records", "attention", "heat", "phrases", "metrics", "topics", "net", "grafana"}
    | {"settings", "stop_words", "tables", "terms"},
    {"stream", "store"},
    {"pictures"},
    HOPS,
    {
        "pipeline",
        "alerting",
        "backtest",
        "embedded",
        "distributed",
        "health",
        "vitals",
        "replay",
        "serve",
        "live",
        "check",
        "score_command",
    },
    {"cli"},
]
ONE_HOME = {"kafka", "redis", "tritonclient", "tweepy", "onnxruntime", "grafana_api"}
OF_MODELS = {"models.signature", "models.tokenizer"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            if node.module in ("models", "services"):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def layer(name: str) -> int:
    found = [level for level, names in enumerate(LAYERS) if name in names]
    assert found, f"services/{name} has no place in the layers: give it one in {__file__}"
    return found[0]


SERVICES = sorted(
    p for p in (ROOT / "services").rglob("*.py") if p != ROOT / "services/__init__.py"
)


@pytest.mark.parametrize("path", SERVICES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    here = path.relative_to(ROOT / "services").parts[0].removesuffix(".py")
    for module in imports(path):
        if module.startswith("services."):
            there = part(module)
            if there == here:
                continue
            assert layer(there) <= layer(here), f"{path} imports {module}"
            assert not {here, there} <= HOPS, f"hops never import each other: {path}, {module}"
        if module.startswith("models.") or module == "models":
            assert module == "models" or module in OF_MODELS, f"{path} imports {module}"
        assert module.split(".")[0] not in {"torch", "torchvision"}, f"{path} imports torch"


@pytest.mark.parametrize("driver", sorted(ONE_HOME))
def test_a_driver_is_imported_in_one_file(driver: str) -> None:
    homes = [p for p in SERVICES if any(m.split(".")[0] == driver for m in imports(p))]
    assert len(homes) <= 1, f"{driver} is imported in {homes}"


def test_models_never_import_services() -> None:
    for path in (ROOT / "models").rglob("*.py"):
        assert not [m for m in imports(path) if m.split(".")[0] == "services"], path
