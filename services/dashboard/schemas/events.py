"""What `/events` sends: the `data` of each event."""

from __future__ import annotations

from services.dashboard.schemas.alerts import AlertItem
from services.dashboard.schemas.base import Model
from services.dashboard.schemas.figures import TopicRow


class FiguresEvent(Model):
    """`event: figures` on `/events`: rows that changed. Where `more` is above 0, so many rows
    changed besides and are not sent: ask `/topics` for what is on the screen."""

    namespace: str
    window: str
    end_ms: int | None
    posts: int
    topics: list[TopicRow]
    more: int
    kind: str
    watermark_ms: int | None
    ended: bool


class AlertEvent(Model):
    """`event: alert`: an alert was opened, worsened or resolved."""

    namespace: str
    alert: AlertItem


class ResyncEvent(Model):
    """`event: resync`: events were missed (or this is the first): ask for everything anew."""

    namespace: str
    reason: str


class TroubleEvent(Model):
    """`event: trouble`: the store is away; a `resync` follows when it is back."""

    namespace: str
    reason: str
