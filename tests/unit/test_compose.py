"""docker-compose.yml keeps its promises: pinned, healthy before use, known settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.dashboard.session import SHORTEST_TOKEN
from services.grafana.dashboards import dashboards, file_name
from services.grafana.provision import FOLDER_UID
from services.grafana.queries import INFINITY
from services.grafana.sources import PROOF, sources
from services.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_build_files_exist(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":v?\d+\.\d+", service["image"]), f"{name} has no pinned version"
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


def test_what_is_published_is_for_this_machine() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"


def test_files_that_are_mounted_exist() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            there = (
                (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            )
            assert there, f"{name} mounts {source}"


def test_commands_exist_and_take_their_options() -> None:
    from typer.main import get_command

    from services.cli.app import app

    root: Any = get_command(app)
    for name, service in SERVICES.items():
        if service["image"].startswith("undertone:"):
            command, *rest = service["command"]
            known = root.commands[command]
            if hasattr(known, "commands"):
                known = known.commands[rest[0]]
            options = {o for parameter in known.params for o in parameter.opts}
            assert {word for word in rest if word.startswith("--")} <= options, name


def test_grafana_gets_the_data_sources_that_provisioning_would_make() -> None:
    file = ROOT / "deploy/grafana/provisioning/datasources/undertone.yml"
    given = SERVICES["grafana"]["environment"]
    text = file.read_text()
    for variable in set(re.findall(r"\$\{(\w+)\}", text)):
        text = text.replace(f"${{{variable}}}", given[variable])
    wanted = sources(given["DASHBOARD_URL"], given["DASHBOARD_TOKEN"], given["PROMETHEUS_URL"])
    wanted[0]["jsonData"].pop(PROOF)  # only provisioning has to know the token again
    assert yaml.safe_load(text)["datasources"] == wanted


def test_grafana_finds_its_folder_plugin_and_dashboards() -> None:
    file = ROOT / "deploy/grafana/provisioning/dashboards/undertone.yml"
    (provider,) = yaml.safe_load(file.read_text())["providers"]
    assert provider["folderUid"] == FOLDER_UID
    mounts = dict(volume.split(":")[1::-1] for volume in SERVICES["grafana"]["volumes"])
    assert mounts[provider["options"]["path"]] == "./deploy/grafana/dashboards"
    environment = SERVICES["grafana"]["environment"]
    plugin, _, version = environment["GF_PLUGINS_PREINSTALL_SYNC"].partition("@")
    assert plugin == INFINITY
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.rpartition("/")[2] in {file_name(board) for board in dashboards()}


def test_the_dashboards_token_is_long_enough_and_grafanas_too() -> None:
    token = SERVICES["dashboard"]["environment"]["UNDERTONE_DASHBOARD_TOKEN"]
    default = re.fullmatch(r"\$\{UNDERTONE_DASHBOARD_TOKEN:-(.+)\}", token)
    assert default is not None
    assert len(default[1]) >= SHORTEST_TOKEN
    assert SERVICES["grafana"]["environment"]["DASHBOARD_TOKEN"] == token


def test_strangers_pages_reach_nothing_by_names_of_their_own() -> None:
    """Passwords and tokens have defaults here, so a name that turns into 127.0.0.1 must not do."""
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_SERVER_ENFORCE_DOMAIN"] == "true"
    assert grafana["GF_SERVER_DOMAIN"] == "${GRAFANA_DOMAIN:-localhost}"
    url = SERVICES["dashboard"]["environment"]["UNDERTONE_DASHBOARD_URL"]
    assert url == "${UNDERTONE_DASHBOARD_URL:-http://localhost:8420}"
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
