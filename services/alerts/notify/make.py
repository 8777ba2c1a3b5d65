"""The receivers that the settings name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from email.headerregistry import Address
from typing import TYPE_CHECKING, Final

from services.alerts.notify.port import Receiver
from services.alerts.notify.reach import Reach, make_reach
from services.alerts.notify.watch import Watched
from services.errors import UsageError
from services.net import Resolver, lookup
from services.settings.receivers import mail_addresses

if TYPE_CHECKING:
    from pydantic import SecretStr

    from services.settings import Settings

TOGETHER: Final = (
    ("webhook_url", "webhook_secret"),
    ("alertmanager_user", "alertmanager_password"),
    ("alertmanager_password", "alertmanager_url"),
    ("smtp_from", "smtp_host"),
    ("smtp_to", "smtp_host"),
    ("smtp_host", "smtp_from"),
    ("smtp_host", "smtp_to"),
    ("smtp_user", "smtp_password"),
    ("smtp_password", "smtp_user"),
)
"""A setting, and one without which it makes no sense."""

Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


def make_receivers(
    settings: Settings, clock_ms: Clock, resolver: Resolver = lookup
) -> dict[str, Receiver]:
    """By name, every receiver that is configured. `UsageError` says what is missing or wrong.

    Nothing is connected to before the first message.
    """
    _check(settings)

    def reach() -> Reach:
        """For one receiver: HTTP announces itself in its TLS context, which mail servers refuse."""
        return make_reach(
            settings.notify_private_addresses,
            settings.notify_ca_file,
            settings.notify_timeout_s,
            resolver,
        )

    return {made.name: Watched(made) for made in _each(settings, reach, clock_ms)}


def _check(settings: Settings) -> None:
    for given, needed in TOGETHER:
        if getattr(settings, given) and not getattr(settings, needed):
            file = f" (or {needed}_file)" if f"{needed}_file" in type(settings).model_fields else ""
            raise UsageError(f"the setting {given} needs {needed}{file}")
    if settings.smtp_tls == "none" and settings.smtp_password:
        raise UsageError("smtp_password is never sent without TLS: set smtp_tls")


def _each(settings: Settings, reach: Callable[[], Reach], clock_ms: Clock) -> Iterator[Receiver]:
    """Modules are imported where they are asked for."""
    if settings.notify_terminal:
        from services.alerts.notify.terminal import Terminal

        yield Terminal(sys.stderr)
    if url := _open(settings.slack_webhook_url):
        from services.alerts.notify.slack import Slack

        yield Slack(url, reach())
    if url := _open(settings.discord_webhook_url):
        from services.alerts.notify.discord import Discord

        yield Discord(url, reach())
    if url := _open(settings.webhook_url):
        from services.alerts.notify.webhook import Webhook

        yield Webhook(url, _open(settings.webhook_secret), reach(), clock_ms)
    if settings.alertmanager_url:
        from services.alerts.notify.alertmanager import Alertmanager

        user, password = settings.alertmanager_user or "", _open(settings.alertmanager_password)
        yield Alertmanager(settings.alertmanager_url, reach(), clock_ms, user, password)
    if settings.smtp_host:
        yield _email(settings, reach(), clock_ms)
    if settings.grafana_url:
        yield _grafana(settings, reach())


def _grafana(settings: Settings, reach: Reach) -> Receiver:
    from services.alerts.notify.grafana import GrafanaMarks
    from services.grafana import Grafana

    token = _open(settings.grafana_token)
    ca_file = settings.grafana_ca_file or settings.notify_ca_file
    client = Grafana(
        settings.grafana_url or "", token, ca_file=ca_file, timeout_s=settings.notify_timeout_s
    )
    return GrafanaMarks(client, reach)


def _email(settings: Settings, reach: Reach, clock_ms: Clock) -> Receiver:
    from services.alerts.notify.smtp import Email, Mailbox

    (sender,) = _addresses(settings.smtp_from)
    mailbox = Mailbox(
        host=settings.smtp_host or "",
        sender=sender,
        recipients=_addresses(settings.smtp_to),
        port=settings.smtp_port,
        tls=settings.smtp_tls,
        user=settings.smtp_user or "",
        password=_open(settings.smtp_password),
    )
    return Email(mailbox, reach, clock_ms)


def _addresses(given: str | None) -> tuple[Address, ...]:
    return tuple(
        Address(display_name=name, addr_spec=address)
        for name, address in mail_addresses(given or "")
    )


def _open(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
