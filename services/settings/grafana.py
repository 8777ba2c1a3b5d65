"""Settings of Grafana: where it is, as whom we speak to it, what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

GRAFANA_SECRETS: Final = ("grafana_token",)
_HTTP: Final = r"^https?://[^\s/@]+(/\S*)?$"


class GrafanaSettings(BaseSettings):
    """The part of `Settings` that `services/grafana` reads."""

    grafana_url: str | None = Field(
        None,
        examples=["https://grafana.example.com"],
        pattern=_HTTP,
        description="Grafana's address, with its path where it has one: for `undertone grafana`, "
        "and for marking alerts there.",
    )
    grafana_token: SecretStr | None = Field(
        None,
        examples=["…"],
        description="Token of a service account there: role Admin to provision, Editor to mark "
        "alerts.",
    )
    grafana_token_file: Path | None = Field(
        None, examples=["/run/secrets/grafana_token"], description="File with that token."
    )
    grafana_ca_file: Path | None = Field(
        None,
        examples=["/etc/undertone/grafana-ca.pem"],
        description="Authority of Grafana's certificate (PEM), where it is one of your own.",
    )
    grafana_folder: str = Field(
        "Undertone",
        min_length=1,
        max_length=100,
        description="Title of the folder of our dashboards.",
    )
    grafana_reads_url: str | None = Field(
        None,
        examples=["http://dashboard:8420"],
        pattern=_HTTP,
        description="Where Grafana itself reaches the dashboard's API. Unset: dashboard_url.",
    )
    grafana_prometheus_url: str = Field(
        "http://localhost:9090",
        pattern=_HTTP,
        description="Where Grafana itself reaches the Prometheus that scrapes the hops.",
    )
