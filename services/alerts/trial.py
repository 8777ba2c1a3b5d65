"""`undertone alerts test`: one made-up alert to each receiver, and what became of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final

import numpy as np
from PIL import Image

from models.signature import REGIONS
from services.alerts.explain import moment_link
from services.alerts.notify.port import (
    Fact,
    Message,
    Receiver,
    Rejected,
    ShownPost,
    TryLater,
    Uncertain,
)
from services.heat import SIDE, View, WordWeight, draw
from services.store.alerts import Alert, AlertEvent
from services.store.schema import MINUTE_MS

TOPIC: Final = "test"
LASTED_MS: Final = 5 * MINUTE_MS
WORDS: Final = "This is what a post looks like in an alert"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one receiver made of the test. `said`: why it was not taken; empty where it was."""

    receiver: str
    ok: bool
    said: str
    seconds: float


def try_receivers(
    receivers: Mapping[str, Receiver],
    now_ms: int,
    dashboard_url: str = "",
    clock: Callable[[], float] = monotonic,
) -> Iterator[Outcome]:
    """Send the test to each in turn; an outcome as soon as it is there."""
    message = trial_message(now_ms, dashboard_url)
    for name, receiver in receivers.items():
        began, said = clock(), ""
        try:
            receiver.send(message)
        except (TryLater, Uncertain, Rejected) as error:
            said = str(error).removeprefix(f"{name}: ")
        yield Outcome(name, not said, said, clock() - began)


def trial_message(now_ms: int, dashboard_url: str = "") -> Message:
    """Says in every part that it is a test. Each has an id of its own."""
    alert = Alert(
        id=f"test-{now_ms}",
        namespace="test",
        topic=TOPIC,
        rule="test",
        kind="negative_share",
        severity="info",
        state="open",
        onset_ms=now_ms - LASTED_MS,
        opened_ms=now_ms,
        changed_ms=now_ms,
        resolved_ms=None,
        observed=0.5,
        expected=0.2,
        low=0.1,
        high=0.3,
        per_week=0.1,
        posts=2,
        negative=1,
        peak_observed=0.5,
        peak_ms=now_ms,
    )
    post = ShownPost("test:1", f"{WORDS}.", "a test", "negative", -0.8, now_ms - MINUTE_MS)
    return Message(
        event=AlertEvent("opened", alert, alert.sequence),
        title="Test of Undertone's alerts: nothing has happened",
        text="Somebody ran `undertone alerts test`. Alerts will arrive here and look like this.",
        facts=(Fact("Now", "a test"), Fact("Usual", "no test")),
        posts=(post,),
        picture=_picture(),
        picture_alt="A made-up picture, shaded as those of posts are.",
        link=moment_link(dashboard_url, "test", TOPIC, now_ms - LASTED_MS, now_ms),
        brief=True,
    )


def _picture() -> bytes:
    """A gradient under a heat map, drawn as the pictures of posts are."""
    heat = np.linspace(0, 1, REGIONS, dtype=np.float32).reshape(SIDE, REGIONS // SIDE)
    word = WordWeight("post", WORDS.index("post"), WORDS.index("post") + len("post"), 1.0)
    picture = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    out = io.BytesIO()
    draw(picture, WORDS, [View("Test", (word,), heat, 0.5)]).save(out, "JPEG")
    return out.getvalue()
