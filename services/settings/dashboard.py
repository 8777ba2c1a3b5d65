"""Where the dashboard is served, and who may see it."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

DASHBOARD_SECRETS: Final = ("dashboard_token",)


def proxies(given: str) -> tuple[str, ...]:
    """The networks of `dashboard_trusted_proxies`. `ValueError` for what is none."""
    parts = (part.strip() for part in given.split(","))
    return tuple(str(ip_network(part)) for part in parts if part)


class DashboardSettings(BaseSettings):
    """The part of `Settings` that the dashboard's server reads."""

    dashboard_host: str = Field(
        "127.0.0.1",
        description="Address of the dashboard. Others than this machine's own need a token.",
    )
    dashboard_port: int = Field(8420, ge=0, le=65_535, description="Its port (0: any free one).")
    dashboard_token: SecretStr | None = Field(
        None,
        examples=["…"],
        description="Whoever knows it may look: 16 characters or more. Browsers are asked for it "
        "once, scripts send `Authorization: Bearer …`.",
    )
    dashboard_token_file: Path | None = Field(
        None, examples=["/run/secrets/dashboard_token"], description="File with that token."
    )
    dashboard_url: str = Field(
        "",
        examples=["https://undertone.example.com"],
        pattern=r"^(https?://[^/\s@]+/?)?$",
        description="The address by which people reach it, for links in alerts; unset: "
        "http://host:port.",
    )

    dashboard_trusted_proxies: str = Field(
        "",
        examples=["127.0.0.1, 10.0.0.0/8"],
        description="Addresses or networks of reverse proxies before the dashboard, "
        "comma-separated: who asks is read from X-Forwarded-For, of these alone. Unset, all who "
        "come through a proxy share its ten wrong tokens a minute.",
    )

    @field_validator("dashboard_trusted_proxies", mode="after")
    @classmethod
    def _check_proxies(cls, given: str) -> str:
        proxies(given)
        return given

    @field_validator("dashboard_port", mode="before")
    @classmethod
    def _not_a_service_link(cls, value: Any) -> Any:
        """Kubernetes sets UNDERTONE_DASHBOARD_PORT=tcp://… for a service `undertone-dashboard`."""
        link = isinstance(value, str) and value.startswith(("tcp://", "udp://"))
        return cls.model_fields["dashboard_port"].default if link else value
