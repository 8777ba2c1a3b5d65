"""`undertone grafana` as a person runs it, with a Grafana and a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.app import app
from services.errors import UsageError
from services.store.alerts import Alert, Alerts, Decided
from services.store.store import Store
from tests.servers.valkey import ValkeyServer
from tests.simulators.grafana import GrafanaServer

pytestmark = pytest.mark.integration
TOKEN = "glsa_secret"


@pytest.fixture
def server(
    valkey: ValkeyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GrafanaServer]:
    (tmp_path / "token").write_text(TOKEN + "\n")
    with GrafanaServer(TOKEN) as found:
        for name, value in {
            "GRAFANA_URL": found.url,
            "GRAFANA_TOKEN_FILE": str(tmp_path / "token"),
            "DASHBOARD_TOKEN": "sixteen-characters",
            "STORE_URL": valkey.url,
        }.items():
            monkeypatch.setenv(f"UNDERTONE_{name}", value)
        yield found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["grafana", *arguments])


def raise_an_alert(store: Store) -> Alert:
    alerts = Alerts(store)
    token = alerts.hold(["live"], "test", 10_000)["live"]
    alerts.begin("live", token, 0)
    alert = Alert(
        id="0123456789abcdef",
        namespace="live",
        topic="north wind",
        rule="negative share",
        kind="negative_share",
        severity="warning",
        state="open",
        onset_ms=1_000_000,
        opened_ms=1_060_000,
        changed_ms=1_060_000,
        resolved_ms=None,
        observed=0.6,
        expected=0.2,
        low=0.1,
        high=0.3,
        per_week=0.01,
        posts=40,
        negative=24,
        peak_observed=0.6,
        peak_ms=1_060_000,
    )
    alerts.commit("live", token, None, Decided(evaluated_ms=1_060_000, alerts=[alert]))
    return alert


def test_provisioned_once_with_its_alerts(server: GrafanaServer, valkey: ValkeyServer) -> None:
    store = valkey.open()
    alert = raise_an_alert(store)
    store.close()
    assert run("check").exit_code == 1
    first = run("provision")
    assert first.exit_code == 0, first.output
    assert "dashboard Undertone: overview: created" in first.output
    assert "of which marked now: 1" in first.output
    (mark,) = server.annotations
    assert f"alert:{alert.id}" in mark["tags"]
    assert (mark["time"], "topic:north wind" in mark["tags"]) == (alert.onset_ms, True)
    written = len(server.writes)
    again = run("provision")
    assert "Nothing to change." in again.output
    assert "of which marked now: 0" in again.output
    assert (again.exit_code, len(server.writes)) == (0, written)
    assert run("check").exit_code == 0


def test_an_edit_by_hand_is_told(server: GrafanaServer) -> None:
    run("provision", "--no-alerts")
    server.edit_by_hand("undertone-overview", title="Mine")
    told = run("provision", "--no-alerts")
    assert told.exit_code == 1
    assert "edited by hand (by ada at 2026-03-17T12:00:00Z)" in told.output
    assert "--force" in told.output
    forced = run("provision", "--no-alerts", "--force")
    assert (forced.exit_code, "put right" in forced.output) == (0, True)


def test_what_is_missing_is_told_in_one_line(
    server: GrafanaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.plugins.clear()
    with pytest.raises(UsageError, match="GF_PLUGINS_PREINSTALL_SYNC"):
        raise_of(run("check"))
    monkeypatch.delenv("UNDERTONE_GRAFANA_URL")
    with pytest.raises(UsageError, match="set grafana_url"):
        raise_of(run("provision"))


def raise_of(result: Result) -> None:
    assert result.exception is not None
    raise result.exception
