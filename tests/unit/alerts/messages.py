"""Alerts and messages to send, as the engine and the writer make them."""

from __future__ import annotations

from typing import Any

import msgspec

from services.alerts import wording
from services.alerts.notify.port import Fact, Message, ShownPost
from services.store.alerts import Alert, AlertEvent, Explanation, PostRef, RisingPhrase

NOW = 1_700_000_100_000
"""2023-11-14 22:15 UTC, a whole minute."""
MINUTE = 60_000

WHY = Explanation(
    authors=118,
    posts=140,
    top_author_share=0.04,
    repost_share=0.34,
    phrases=(
        RisingPhrase("battery", 0.15, 0.0, 90.0),
        RisingPhrase("#batterygate", 0.1, 0.004, 20.0),
    ),
    top_posts=(PostRef("x:1", NOW - 5 * MINUTE, -0.93, 0),),
    link="https://undertone.example/topic/acme?namespace=live&from=1&to=2",
)
POSTS = (
    ShownPost(
        "x:1",
        "My battery caught fire <on> the *kitchen* table & never again #batterygate",
        "ann",
        "negative",
        -0.93,
        NOW - 5 * MINUTE,
        "https://x.com/ann/status/1",
    ),
    ShownPost("x:2", "@everyone another one", "bob", "negative", -0.88, NOW - 4 * MINUTE),
)


def alert(**changes: Any) -> Alert:
    found = Alert(
        id="a1b2c3d4e5f60718",
        namespace="live",
        topic="acme",
        rule="mood",
        kind="negative_share",
        severity="critical",
        state="open",
        onset_ms=NOW - 12 * MINUTE,
        opened_ms=NOW,
        changed_ms=NOW,
        resolved_ms=None,
        observed=0.46,
        expected=0.21,
        low=0.13,
        high=0.3,
        per_week=0.004,
        posts=132,
        negative=61,
        peak_observed=0.46,
        peak_ms=NOW,
        explanation=WHY,
    )
    return msgspec.structs.replace(found, **changes)


def event(kind: Any = "opened", **changes: Any) -> AlertEvent:
    made = alert(**_states(kind) | changes)
    return AlertEvent(kind, made, made.sequence)


def _states(kind: str) -> dict[str, Any]:
    if kind == "worsened":
        later = NOW + 25 * MINUTE
        return {"state": "worse", "sequence": 2, "changed_ms": later, "observed": 0.58}
    if kind == "resolved":
        end = NOW + 36 * MINUTE
        return {
            "state": "resolved",
            "sequence": 3,
            "changed_ms": end,
            "resolved_ms": end,
            "observed": 0.22,
            "peak_observed": 0.58,
        }
    return {}


def message(
    kind: Any = "opened",
    *,
    posts: tuple[ShownPost, ...] = POSTS,
    picture: bytes | None = None,
    **changes: Any,
) -> Message:
    told = event(kind, **changes)
    return Message(
        event=told,
        title=wording.title(told),
        text=wording.text(told),
        facts=tuple(Fact(*fact) for fact in wording.facts(told)),
        posts=posts,
        picture=picture,
        picture_alt="What the networks looked at." if picture else "",
        link=told.alert.explanation.link,
    )
