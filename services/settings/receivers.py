"""Who is told of alerts: the settings of receivers. A receiver is on once its first setting is."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

RECEIVER_SECRETS: Final = (
    "slack_webhook_url",
    "discord_webhook_url",
    "webhook_url",
    "webhook_secret",
    "alertmanager_password",
    "smtp_password",
)
SHORTEST_SECRET: Final = 16


class ReceiverSettings(BaseSettings):
    """The part of `Settings` that `services/alerts/notify` reads."""

    notify_terminal: bool = Field(True, description="Write alerts to the terminal of the hop.")
    notify_replays: bool = Field(
        False, description="Tell receivers of the alerts of replays too, not of live ones alone."
    )
    notify_timeout_s: float = Field(
        10.0, gt=0, le=300, description="How long one receiver may take for one message."
    )
    notify_private_addresses: bool = Field(
        False,
        description="Let receivers be on private addresses (localhost, 10.…, 192.168.…): "
        "Alertmanager, Grafana and mail servers often are.",
    )
    notify_ca_file: Path | None = Field(
        None,
        examples=["/etc/undertone/receivers-ca.pem"],
        description="Authority of receivers with certificates of your own (PEM); it is trusted "
        "besides the public ones.",
    )
    slack_webhook_url: SecretStr | None = Field(
        None,
        examples=["https://hooks.slack.com/services/…"],
        description="Slack's incoming webhook.",
    )
    slack_webhook_url_file: Path | None = Field(
        None, examples=["/run/secrets/slack_webhook_url"], description="File with that URL."
    )
    discord_webhook_url: SecretStr | None = Field(
        None,
        examples=["https://discord.com/api/webhooks/…"],
        description="Webhook of a Discord channel.",
    )
    discord_webhook_url_file: Path | None = Field(
        None, examples=["/run/secrets/discord_webhook_url"], description="File with that URL."
    )
    webhook_url: SecretStr | None = Field(
        None,
        examples=["https://hooks.example.com/undertone"],
        description="A service of your own that takes alerts as signed JSON "
        "(services/alerts/notify/README.md).",
    )
    webhook_url_file: Path | None = Field(
        None, examples=["/run/secrets/webhook_url"], description="File with that URL."
    )
    webhook_secret: SecretStr | None = Field(
        None,
        examples=["16 or more random characters"],
        description="Signs what is sent to webhook_url (HMAC-SHA256); 16 characters or more.",
    )
    webhook_secret_file: Path | None = Field(
        None, examples=["/run/secrets/webhook_secret"], description="File with that secret."
    )
    alertmanager_url: str | None = Field(
        None,
        examples=["http://alertmanager:9093"],
        description="Prometheus Alertmanager, without /api/v2.",
    )
    alertmanager_user: str | None = Field(
        None, examples=["undertone"], description="User name there, where it asks for one."
    )
    alertmanager_password: SecretStr | None = Field(
        None, examples=["…"], description="Password of that user."
    )
    alertmanager_password_file: Path | None = Field(
        None, examples=["/run/secrets/alertmanager_password"], description="File with it."
    )
    smtp_host: str | None = Field(
        None, examples=["mail.example.com"], description="The mail server that takes our e-mail."
    )
    smtp_port: int | None = Field(
        None,
        examples=[587],
        ge=1,
        le=65_535,
        description="Its port; unset: 587, or 465 where smtp_tls is implicit.",
    )
    smtp_tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls",
        description="starttls, implicit (TLS from the first byte) or none (a relay on a network "
        "that you trust; no password is sent there).",
    )
    smtp_user: str | None = Field(
        None, examples=["undertone@example.com"], description="User name there, if it asks for one."
    )
    smtp_password: SecretStr | None = Field(
        None, examples=["…"], description="Password of that user."
    )
    smtp_password_file: Path | None = Field(
        None, examples=["/run/secrets/smtp_password"], description="File with that password."
    )
    smtp_from: str | None = Field(
        None,
        examples=["Undertone <undertone@example.com>"],
        description="Whom e-mail comes from.",
    )
    smtp_to: str | None = Field(
        None,
        examples=["brand-team@example.com, press@example.com"],
        description="Who gets it, comma-separated.",
    )

    @field_validator("slack_webhook_url", "discord_webhook_url", "webhook_url", mode="after")
    @classmethod
    def _check_secret_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _check_web_address(url.get_secret_value())
        return url

    @field_validator("alertmanager_url", mode="after")
    @classmethod
    def _check_plain_url(cls, url: str | None) -> str | None:
        if url is not None:
            _check_web_address(url)
        return url

    @field_validator("webhook_secret", mode="after")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"needs {SHORTEST_SECRET} characters or more")
        return secret

    @field_validator("smtp_from", "smtp_to", mode="after")
    @classmethod
    def _check_addresses(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is not None:
            found = mail_addresses(given)
            if not found or (info.field_name == "smtp_from" and len(found) > 1):
                raise ValueError("expected an address like name@example.com")
        return given


def mail_addresses(given: str) -> list[tuple[str, str]]:
    """(name, address) of each; empty where one of them is no address that we can write to."""
    from email.utils import getaddresses

    if any(c in given for c in "\r\n\0"):
        return []
    found = getaddresses([given])
    return found if all(_is_mail_address(address) for _, address in found) else []


def _is_mail_address(address: str) -> bool:
    from email.errors import MessageError
    from email.headerregistry import Address

    try:
        parsed = Address(addr_spec=address)
    except (ValueError, IndexError, MessageError):
        return False
    return address.isascii() and bool(parsed.username) and bool(parsed.domain)


def _check_web_address(url: str) -> None:
    """Said without the URL: those of webhooks are secrets."""
    try:
        found = urlsplit(url)
        good = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("expected an address like https://host/path")
    if "@" in found.netloc:
        raise ValueError("takes no user name or password in the address")
