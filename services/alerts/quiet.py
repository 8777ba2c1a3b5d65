"""Quiet hours: when nobody is told, unless it is critical."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.topics.rules import QuietHours, Rule


def is_quiet(rule: Rule, at_ms: int) -> bool:
    """Whether receivers wait. By event time, so that a replay is as quiet as the day was."""
    if rule.quiet_hours is None or rule.severity == "critical":
        return False
    return _within(rule.quiet_hours, at_ms)


@lru_cache(maxsize=4096)
def _within(hours: QuietHours, at_ms: int) -> bool:
    there = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(hours.zone))
    minute = there.hour * 60 + there.minute
    if hours.start < hours.stop:
        return hours.start <= minute < hours.stop
    return minute >= hours.start or minute < hours.stop
