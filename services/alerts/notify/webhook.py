"""A service of the operator's own: JSON over HTTP, signed (README.md here has the schema).

Headers and signature are those of Standard Webhooks (standardwebhooks.com), for which every
language has a library: HMAC-SHA256 over "id.timestamp.body". Whoever sees an id twice may drop
the second.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import msgspec

from services.alerts.notify.http import Http
from services.alerts.notify.port import Message
from services.alerts.notify.reach import Reach
from services.errors import UsageError

SCHEMA: Final = "undertone.alert/1"
PREFIX: Final = "whsec_"
"""Before a secret in base64, as other senders of Standard Webhooks hand them out."""

ALERT_FIELDS: Final = (
    "id",
    "namespace",
    "topic",
    "rule",
    "kind",
    "measure",
    "severity",
    "state",
    "onset_ms",
    "opened_ms",
    "changed_ms",
    "resolved_ms",
    "observed",
    "expected",
    "low",
    "high",
    "per_week",
    "posts",
    "negative",
    "peak_observed",
    "peak_ms",
)
EXPLANATION_FIELDS: Final = ("authors", "top_author_share", "repost_share", "cascade", "phrases")

Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


class Webhook:
    """Posts signed JSON to one address."""

    name = "webhook"
    repeats_are_dropped = True
    resend_every_s = None

    def __init__(self, url: str, secret: str, reach: Reach, clock_ms: Clock) -> None:
        self._secret = secret_bytes(secret)
        self._clock_ms = clock_ms
        secrets = (secret, secret.removeprefix(PREFIX))
        self._http = Http(self.name, url, reach, repeats_are_dropped=True, secrets=secrets)

    def send(self, message: Message) -> None:
        body = msgspec.json.encode(document(message))
        timestamp = self._clock_ms() // 1000
        self._http.post(
            body,
            {
                "Content-Type": "application/json",
                "Idempotency-Key": message.key,
                "Webhook-Id": message.key,
                "Webhook-Timestamp": str(timestamp),
                "Webhook-Signature": signature(self._secret, message.key, timestamp, body),
            },
        )

    def close(self) -> None:
        """Nothing is kept open."""


def secret_bytes(secret: str) -> bytes:
    """The key of the signature: the text as it is, or what stands in base64 after `whsec_`."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise UsageError(f"webhook_secret: what follows {PREFIX} is not base64") from None


def signature(secret: bytes, key: str, timestamp: int, body: bytes) -> str:
    """ "v1," and the HMAC in base64; `timestamp` in seconds since 1970."""
    signed = hmac.new(secret, f"{key}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{b64encode(signed.digest()).decode()}"


def document(message: Message) -> dict[str, Any]:
    """What is posted. Only ever added to within one schema number."""
    alert = message.event.alert
    facts = {fact.name: fact.value for fact in message.facts}
    explanation = {name: getattr(alert.explanation, name) for name in EXPLANATION_FIELDS}
    return {
        "schema": SCHEMA,
        "id": message.key,
        "event": message.event.kind,
        "sequence": message.event.sequence,
        "title": message.title,
        "text": message.text,
        "link": message.link,
        "alert": {name: getattr(alert, name) for name in ALERT_FIELDS} | explanation,
        "facts": facts,
        "posts": [asdict(post) for post in message.posts],
        "picture": _picture(message),
    }


def _picture(message: Message) -> dict[str, str] | None:
    if message.picture is None:
        return None
    encoded = b64encode(message.picture).decode()
    return {"media_type": "image/jpeg", "description": message.picture_alt, "base64": encoded}
