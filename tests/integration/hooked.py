"""Receivers over HTTP, on a server of the test's own."""

from __future__ import annotations

from pathlib import Path

from services.alerts.notify.port import Receiver
from services.alerts.notify.reach import Reach, make_reach
from services.alerts.notify.slack import Slack
from services.alerts.notify.webhook import Webhook
from tests.simulators.hook import Hook
from tests.unit.alerts.messages import NOW

SECRET = "a secret of some length"


def reach(private: bool = True, timeout_s: float = 2.0, ca_file: Path | None = None) -> Reach:
    def resolver(host: str, port: int) -> list[str]:
        return {"hook.test": ["127.0.0.1"], "outside.test": ["93.184.215.14"]}.get(host, [host])

    return make_reach(private, ca_file, timeout_s, resolver)


def slack(hook: Hook, **how: object) -> Receiver:
    return Slack(hook.url(), reach(**how))  # type: ignore[arg-type]


def webhook(hook: Hook, **how: object) -> Receiver:
    return Webhook(hook.url(), SECRET, reach(**how), lambda: NOW)  # type: ignore[arg-type]
