"""Prometheus Alertmanager, by its API v2 (api/v2/openapi.yaml there).

An alert is known by its labels, which therefore stay the same from opening to resolving. It
ends at `endsAt`: while open that is an hour away and moved on by sending it again, so that it
neither times out nor stays for ever should this process end; resolved, it is the past.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from services.alerts.notify.forms import iso, web
from services.alerts.notify.http import Http
from services.alerts.notify.port import Message
from services.alerts.notify.reach import Reach

PATH: Final = "/api/v2/alerts"
RESEND_S: Final = 300.0
LASTS_MS: Final = 3_600_000
BRIEFLY_MS: Final = 120_000
NAMES: Final = {
    "negative_share": "UndertoneNegativeShare",
    "negative_volume": "UndertoneNegativeVolume",
    "sentiment_drop": "UndertoneSentimentDrop",
}
"""`alertname` by kind; other kinds are put together alike."""
POSTS: Final = 3
HARMLESS: Final = str.maketrans("<>", "‹›")
"""Templates pass annotations on as they are, to Slack too: there a stranger's `<!channel>` would
call everybody, and `<address|words>` be a link."""

Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


class Alertmanager:
    """One Alertmanager. A cluster of them wants one address that leads to each."""

    name = "alertmanager"
    repeats_are_dropped = True
    resend_every_s = RESEND_S

    def __init__(
        self, url: str, reach: Reach, clock_ms: Clock, user: str = "", password: str = ""
    ) -> None:
        address = url.rstrip("/") + PATH
        given = b64encode(f"{user}:{password}".encode()).decode() if user else ""
        secrets = (given, password)
        self._http = Http(self.name, address, reach, repeats_are_dropped=True, secrets=secrets)
        self._headers = {"Content-Type": "application/json"}
        if given:
            self._headers["Authorization"] = f"Basic {given}"
        self._clock_ms = clock_ms

    def send(self, message: Message) -> None:
        body = json.dumps([alert(message, self._clock_ms())]).encode()
        self._http.post(body, self._headers)

    def close(self) -> None:
        """Nothing is kept open."""


def alert(message: Message, now_ms: int) -> dict[str, Any]:
    """A `postableAlert`. Times are of the posts, except for the end of what is still open."""
    raised = message.event.alert
    over_ms = raised.resolved_ms if raised.resolved_ms is not None else raised.changed_ms
    lasts_ms = BRIEFLY_MS if message.brief else LASTS_MS
    ends_ms = min(over_ms, now_ms) if raised.state == "resolved" else now_ms + lasts_ms
    found = {
        "labels": _labels(message),
        "annotations": _annotations(message),
        "startsAt": iso(min(raised.onset_ms, ends_ms)),
        "endsAt": iso(ends_ms),
    }
    if web(message.link):
        found["generatorURL"] = message.link
    return found


def _labels(message: Message) -> dict[str, str]:
    alert = message.event.alert
    camel = "".join(part.capitalize() for part in alert.kind.split("_"))
    return {
        "alertname": NAMES.get(alert.kind, f"Undertone{camel}"),
        "service": "undertone",
        "namespace": alert.namespace,
        "topic": alert.topic,
        "rule": alert.rule,
        "severity": alert.severity,
    }


def _annotations(message: Message) -> dict[str, str]:
    found = {"summary": message.title, "description": message.text, "dashboard": message.link}
    found |= {_key(fact.name): fact.value for fact in message.facts}
    for number, post in enumerate(message.posts[:POSTS], start=1):
        found[f"post_{number}"] = f"{post.author}: {post.text} {post.url}".strip()
    found |= {"alert_id": message.event.alert.id, "state": message.event.alert.state}
    return {name: value.translate(HARMLESS) for name, value in found.items() if value}


def _key(name: str) -> str:
    """An annotation's name: letters, digits and `_` alone."""
    key = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.lower()).strip("_")
    return key if key[:1].isalpha() else f"fact_{key}"
