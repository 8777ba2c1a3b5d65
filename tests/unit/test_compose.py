"""docker-compose.yml keeps its promises: pinned, healthy before use, known settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_build_files_exist(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":\d+\.\d+", service["image"]), f"{name} has no pinned version"
    if "build" in service:
        assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_what_runs_on_has_a_health_check_and_is_waited_for() -> None:
    for name, service in SERVICES.items():
        assert "healthcheck" in service or service["restart"] == "no", name
        for needed, how in service.get("depends_on", {}).items():
            wanted = (
                "service_healthy"
                if "healthcheck" in SERVICES[needed]
                else "service_completed_successfully"
            )
            assert how["condition"] == wanted, f"{name} needs {needed}"


def test_environment_names_are_settings() -> None:
    known = {f"UNDERTONE_{field}".upper() for field in Settings.model_fields}
    for name, service in SERVICES.items():
        ours = {k for k in service.get("environment", {}) if k.startswith("UNDERTONE_")}
        assert ours <= known, f"{name}: {ours - known}"


def test_the_store_neither_forgets_nor_evicts() -> None:
    command = SERVICES["valkey"]["command"]
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_images_copy_what_exists() -> None:
    for dockerfile in (ROOT / "deploy/images").glob("*.Dockerfile"):
        text = dockerfile.read_text()
        for name, value in re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE):
            text = text.replace(f"${{{name}}}", value)
        for line in text.splitlines():
            if line.startswith("COPY ") and "--from" not in line:
                for source in line.split()[1:-1]:
                    assert (ROOT / source).exists(), f"{dockerfile.name}: {source}"
