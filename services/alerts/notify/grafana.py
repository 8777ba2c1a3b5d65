"""Grafana: each alert a region on its dashboards, which grows and ends with it.

The region is found again by the alert's id (`services/grafana`), so a repeat changes nothing.
Its address is checked as that of every receiver; the connection itself is `grafana-api`'s.
"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import urlsplit

from services.alerts.notify.forms import fit, printable, web
from services.alerts.notify.port import Message, Rejected, TryLater
from services.alerts.notify.reach import Reach, explained
from services.errors import Unavailable, UsageError
from services.grafana import Grafana, Mark, annotate
from services.grafana.client import Changed
from services.net import NotAllowed

MAX_TEXT: Final = 2_000
PORTS: Final = {"http": 80, "https": 443}


class GrafanaMarks:
    """Alerts as annotations of one Grafana."""

    name = "grafana"
    repeats_are_dropped = True
    resend_every_s = None

    def __init__(self, grafana: Grafana, reach: Reach) -> None:
        self._grafana = grafana
        self._reach = reach

    def send(self, message: Message) -> None:
        try:
            self._check_address()
            annotate(self._grafana, mark(message))
        except NotAllowed as error:
            raise TryLater(self.name, explained(error)) from None
        except TimeoutError as error:
            raise TryLater(self.name, str(error)) from None
        except (Unavailable, Changed) as error:
            said = str(error).removeprefix("Grafana: ")
            raise TryLater(self.name, printable(said)) from None
        except UsageError as error:
            raise Rejected(self.name, printable(str(error))) from None

    def _check_address(self) -> None:
        found = urlsplit(self._grafana.url)
        port = found.port or PORTS.get(found.scheme, 443)
        self._reach.addresses(found.hostname or "", port, self._reach.timeout_s)

    def close(self) -> None:
        self._grafana.close()


def mark(message: Message) -> Mark:
    """The alert's stretch of event time, with its words and a link."""
    alert = message.event.alert
    words = [message.text, *(f"“{post.text}” ({post.author})" for post in message.posts)]
    text = f"<b>{escape(message.title)}</b>\n{fit(chr(10).join(words), MAX_TEXT, escape)}"
    if web(message.link):
        text += f'\n<a href="{escape(message.link)}">Open this moment</a>'
    return Mark(
        key=alert.id,
        namespace=alert.namespace,
        topic=alert.topic,
        start_ms=alert.onset_ms,
        end_ms=alert.resolved_ms if alert.resolved_ms is not None else alert.changed_ms,
        text=text,
        severity=alert.severity,
    )
