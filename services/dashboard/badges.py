"""Which topics have an open alert, and how grave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from services.store.alerts import Alert

SEVERITIES: Final = ("info", "warning", "critical")


class Badge(msgspec.Struct, frozen=True):
    """A topic's gravest open alert."""

    id: str
    state: str
    severity: str

    @property
    def gravity(self) -> int:
        """From 1 up."""
        return SEVERITIES.index(self.severity) + 1


def badges_of(alerts: Iterable[Alert]) -> dict[str, Badge]:
    """Of every topic with an open alert, its gravest; of equals the newest."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        held = found.get(alert.topic)
        if held is None or _gravity(alert) >= _gravity(held):
            found[alert.topic] = alert
    return {topic: Badge(a.id, a.state, a.severity) for topic, a in found.items()}


def _gravity(alert: Alert) -> int:
    return SEVERITIES.index(alert.severity)
