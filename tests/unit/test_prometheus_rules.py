"""Rules and scraping keep to the metrics that we export, and every alert says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.prometheus_names import DECLARED, check_expression

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
Json = dict[str, Any]


def rules(name: str) -> Iterator[Json]:
    for group in yaml.safe_load((FOLDER / "rules" / name).read_text())["groups"]:
        yield from group["rules"]


RECORDED = {rule["record"]: rule for rule in rules("recording.yml")}
ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}


@pytest.mark.parametrize("name", RECORDED)
def test_recording_rules_read_what_we_export(name: str) -> None:
    check_expression(RECORDED[name]["expr"], recorded=RECORDED)


@pytest.mark.parametrize("name", ALERTS)
def test_alerts_read_what_we_export_and_say_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    said = " ".join(rule["annotations"].values())
    labels = re.findall(r"\$labels\.(\w+)", said)
    check_expression(rule["expr"], labels=labels, recorded=RECORDED)
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert len(rule["annotations"]["runbook"]) > 80


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_test_in_which_it_fires(name: str) -> None:
    told = "".join(path.read_text() for path in (FOLDER / "tests").glob("*.yml"))
    fires = f'alertname="{name}", alertstate="firing", severity=' in told
    assert fires or re.search(rf"alertname: {name}\n\s+exp_alerts:\n", told), name


def test_commands_in_runbooks_exist() -> None:
    from services.cli.app import app

    commands = {command.name for command in app.registered_commands}
    commands |= {group.name for group in app.registered_groups}
    said = " ".join(rule["annotations"]["runbook"] for rule in ALERTS.values())
    assert set(re.findall(r"`undertone ([\w-]+)", said)) <= commands


def test_every_process_of_the_compose_file_is_scraped() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (ours,) = [job for job in config["scrape_configs"] if job["job_name"] == "undertone"]
    (found,) = ours["dns_sd_configs"]
    serving = {
        name
        for name, service in COMPOSE.items()
        if service["image"].startswith("undertone:") and service["restart"] != "no"
    }
    assert set(found["names"]) == serving
    ports = {COMPOSE[name]["environment"]["UNDERTONE_METRICS_PORT"] for name in serving}
    assert ports == {str(found["port"])}


def test_metrics_are_named_as_prometheus_has_them() -> None:
    for name in DECLARED:
        assert re.fullmatch(r"undertone_[a-z0-9_]+", name)
