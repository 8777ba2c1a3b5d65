"""Prometheus itself, on our configuration, rules and dashboards."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from services.grafana.dashboards import dashboards
from services.grafana.promql import RATE
from services.grafana.queries import PROMETHEUS_UID
from services.health import HealthServer
from tests.conftest import missing
from tests.servers.local import ServerMissing
from tests.servers.prometheus import Prometheus, program

pytestmark = pytest.mark.integration
FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"


@pytest.fixture(scope="module")
def promtool() -> Callable[..., str]:
    """Runs it; what it said."""
    try:
        path = program("promtool")
    except ServerMissing as error:
        missing(f"no promtool: {error}")

    def run(*arguments: str | Path) -> str:
        made = subprocess.run(
            [path, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=FOLDER,
            timeout=120,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        return made.stdout

    return run


def test_configuration_and_rules_are_valid(promtool: Callable[..., str]) -> None:
    assert "2 rule files found" in promtool("check", "config", "prometheus.yml")


def test_rules_do_what_they_say(promtool: Callable[..., str]) -> None:
    promtool("test", "rules", *sorted((FOLDER / "tests").glob("*.yml")))


def test_expressions_of_the_dashboards_are_promql(
    promtool: Callable[..., str], tmp_path: Path
) -> None:
    expressions = [
        target["expr"].replace(RATE, "1m")
        for board in dashboards()
        for panel in board["panels"]
        for target in panel.get("targets", ())
        if target["datasource"]["uid"] == PROMETHEUS_UID
    ]
    assert len(expressions) > 30
    rules = [{"record": f"panel:{n}", "expr": one} for n, one in enumerate(expressions)]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", path)


def test_a_server_scrapes_a_process_and_knows_that_all_is_well(tmp_path: Path) -> None:
    """The configuration as it is, but for the way to find processes and the pace."""
    with ExitStack() as stack:
        process = HealthServer("127.0.0.1", 0, lambda: {"healthy": True})
        stack.callback(process.close)
        shutil.copytree(FOLDER / "rules", tmp_path / "rules")
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        (ours,) = [j for j in config["scrape_configs"] if j["job_name"] == "undertone"]
        del ours["dns_sd_configs"]
        ours["static_configs"] = [{"targets": [process.address.removeprefix("http://")]}]
        config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
        config["scrape_configs"] = [ours]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        try:
            server = stack.enter_context(Prometheus(tmp_path / "prometheus.yml", tmp_path / "data"))
        except ServerMissing as error:
            missing(f"no Prometheus: {error}")
        (built,) = _until(lambda: _query(server.url, "undertone_build_info"))
        assert built["metric"]["job"] == "undertone"
        assert built["metric"]["version"]
        assert _query(server.url, 'up{job="undertone"} == 1')
        assert not _query(server.url, 'ALERTS{alertname="UndertoneProcessDown"}')


def _query(url: str, expression: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/v1/query?query={quote(expression)}", timeout=5) as got:
        found: list[Any] = json.load(got)["data"]["result"]
    return found


def _until(holds: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)
    return found
