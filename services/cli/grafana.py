"""`undertone grafana`: our data sources, dashboards and alerts in a Grafana."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.common import UPKEEP, Namespace, pipeline, settings_of
from services.errors import UsageError

if TYPE_CHECKING:
    from services.grafana import Grafana
    from services.grafana.provision import Finding, Wanted
    from services.settings import Settings

grafana = typer.Typer(
    no_args_is_help=True,
    help="Sentiment and operations in a Grafana of yours: dashboards, data sources, alerts.",
)
MARKED = 100
"""So many alerts are marked by `provision`, the newest; those to come, by the alert hop."""


def register(app: typer.Typer) -> None:
    app.add_typer(grafana, name="grafana", rich_help_panel=UPKEEP)


@grafana.command("provision")
def provision(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite dashboards that were edited by hand.")
    ] = False,
    alerts: Annotated[bool, typer.Option(help="Also mark the newest alerts.")] = True,
    namespace: Namespace = None,
) -> None:
    """Put data sources, dashboards and alert marks into Grafana. Run it again after an update.

    Needs grafana_url and grafana_token_file (a service account with the role
    Admin), and the Infinity plugin there. What is as it should be stays
    untouched, and what somebody has edited by hand is told, not overwritten.
    """
    from services.grafana.provision import State, mend, survey

    settings, console = settings_of(context), Console()
    with _grafana(settings, console) as server:
        findings = survey(server, _wanted(settings))
        changed = mend(findings, force=force)
        _show(console, findings, changed)
        if alerts:
            _mark(console, server, settings, namespace or settings.namespace)
    left = [f for f in findings if f.state is State.EDITED and f not in changed]
    if left:
        console.print("Run it with --force to overwrite what was edited by hand.")
        raise typer.Exit(1)


@grafana.command("check")
def check(context: typer.Context) -> None:
    """Say what `provision` would change, and change nothing. Status 1: something."""
    from services.grafana.provision import State, survey

    settings, console = settings_of(context), Console()
    with _grafana(settings, console) as server:
        findings = survey(server, _wanted(settings))
    _show(console, findings, ())
    if any(finding.state not in (State.SAME, State.BY_FILE) for finding in findings):
        raise typer.Exit(1)


@contextmanager
def _grafana(settings: Settings, console: Console) -> Iterator[Grafana]:
    """Connected, new enough, with the plugin."""
    from services.grafana import Grafana
    from services.grafana.provision import check_server

    if not settings.grafana_url or settings.grafana_token is None:
        raise UsageError(
            "set grafana_url (UNDERTONE_GRAFANA_URL) and grafana_token_file: the token of a "
            "service account in Grafana with the role Admin"
        )
    token = settings.grafana_token.get_secret_value()
    ca_file = settings.grafana_ca_file
    with closing(Grafana(settings.grafana_url, token, ca_file=ca_file)) as server:
        console.print(f"Grafana {check_server(server)} at {server.url}")
        yield server


def _wanted(settings: Settings) -> Wanted:
    from services.grafana.provision import Wanted
    from services.grafana.sources import sources

    here = f"http://{settings.dashboard_host}:{settings.dashboard_port}"
    url = settings.grafana_reads_url or settings.dashboard_url or here
    token = settings.dashboard_token
    return Wanted(
        settings.grafana_folder,
        sources(url, token.get_secret_value() if token else "", settings.grafana_prometheus_url),
    )


def _show(console: Console, findings: Sequence[Finding], changed: Sequence[Finding]) -> None:
    """A line each."""
    from services.grafana.provision import State

    for finding in findings:
        done = "created" if finding.state is State.MISSING else "put right"
        state = done if finding in changed else str(finding.state)
        detail = f" ({finding.detail})" if finding.detail else ""
        console.print(f"  {finding.what}: {state}{detail}", highlight=False, markup=False)
    if not changed and all(finding.state is State.SAME for finding in findings):
        console.print("Nothing to change.")


def _mark(console: Console, server: Grafana, settings: Settings, namespace: str) -> None:
    """The newest alerts, as the store has them."""
    from services.grafana import Mark, annotate
    from services.store.alerts import Alerts

    with closing(pipeline().make_store(settings)) as store:
        found = Alerts(store).list(namespace, limit=MARKED)
    marks = [
        Mark(
            key=alert.id,
            namespace=alert.namespace,
            topic=alert.topic,
            start_ms=alert.onset_ms,
            end_ms=alert.resolved_ms or alert.changed_ms,
            text=f"{alert.rule}: observed {alert.observed:.2f}, expected {alert.expected:.2f}",
            severity=alert.severity,
        )
        for alert in found
    ]
    # The alert hop's own marks say more than these.
    written = sum(annotate(server, mark, replace=False) for mark in marks)
    console.print(f"Alerts of {namespace}: {len(marks)}, of which marked now: {written}")
