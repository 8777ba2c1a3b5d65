"""What `undertone alerts list` and `show` do."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.alerts import wording
from services.alerts.message import shown
from services.errors import UsageError
from services.store.alerts import (
    OPENED,
    RESOLVED,
    STREAM,
    WORSENED,
    Alert,
    AlertEvent,
    Alerts,
)
from services.store.outbox import Delivery, Outbox
from services.store.reader import Reader
from services.store.store import Store

Told = Mapping[str, Mapping[str, Delivery]]
"""By event key and receiver, what became of telling it."""
COLOURS = {"info": "cyan", "warning": "yellow", "critical": "red"}


def list_alerts(
    store: Store,
    namespace: str,
    console: Console,
    *,
    topic: str | None = None,
    only_open: bool = False,
    limit: int = 100,
    as_json: bool = False,
) -> None:
    """Newest first."""
    alerts = Alerts(store)
    if only_open:
        found = [a for a in alerts.open(namespace) if topic in (None, a.topic)][-limit:][::-1]
    else:
        found = list(alerts.list(namespace, topic, limit=limit))
    told = Outbox(store).deliveries(namespace, _events(found))
    if as_json:
        for alert in found:
            sys.stdout.buffer.write(msgspec.json.encode(_document(alert, told)) + b"\n")
        return
    if not found:
        others = [n.name for n in Reader(store).namespaces() if n.name != namespace]
        hint = f" Other namespaces: {', '.join(others)}." if others else ""
        console.print(f"No alerts in {namespace}.{hint}", highlight=False, soft_wrap=True)
        return
    for alert in found:
        for line in _lines(alert, told):
            console.print(line, soft_wrap=True)


def _lines(alert: Alert, told: Told) -> list[Text]:
    """One alert of the list."""
    head = f"{shown_time(alert.opened_ms)}  {alert.topic}  {alert.severity}, {_state(alert)}"
    lines = [
        Text.assemble((head, f"bold {COLOURS[alert.severity]}"), f"  {alert.id}"),
        Text(f"    {_what(alert)} (at {wording.clock(alert.peak_ms)})"),
    ]
    if summary := _summary(alert, told):
        lines.append(Text(f"    {summary}"))
    return lines


def shown_time(ms: int) -> str:
    """In UTC, to the minute."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def alerts_table(alerts: Sequence[Alert]) -> Table:
    """A line for each."""
    table = Table(box=SIMPLE)
    for name in ("opened (UTC)", "topic"):
        table.add_column(name, no_wrap=True)
    for name in ("what, at its peak", "state"):
        table.add_column(name, overflow="fold")
    for alert in alerts:
        what = Text(f"{_what(alert)} (at {wording.clock(alert.peak_ms)})")
        what.stylize(COLOURS[alert.severity])
        table.add_row(shown_time(alert.opened_ms), Text(alert.topic), what, Text(_state(alert)))
    return table


def show_alert(store: Store, namespace: str, wanted: str, console: Console) -> None:
    """One alert whole. `UsageError` where there is none of that id."""
    alert = Alerts(store).get(namespace, wanted)
    if alert is None:
        raise UsageError(f"no alert in {namespace} has the id {wanted!r}: undertone alerts list")
    event = _newest(alert)
    console.print(Text(wording.title(event), style=f"bold {COLOURS[alert.severity]}"))
    console.print(Text(wording.text(event)))
    table = Table(box=SIMPLE, show_header=False)
    for name, value in (("Rule", f"{alert.rule} ({alert.severity})"), *wording.facts(event)):
        table.add_row(Text(name), Text(value))
    console.print(table)
    for post in _posts(store, alert):
        console.print(Text(f"  {post}"))
    if alert.explanation.link:
        console.print(Text(alert.explanation.link))
    _show_deliveries(Outbox(store).deliveries(namespace, _events([alert])), console)


def _posts(store: Store, alert: Alert) -> list[str]:
    """The words of the posts that weigh most, of those that are still kept."""
    reader = Reader(store)
    refs = alert.explanation.top_posts
    found = [reader.post(alert.namespace, alert.topic, r.id, r.created_at_ms) for r in refs]
    kept = [shown(post) for post in found if post is not None]
    return [f"{post.score:+.2f}  {post.text}" for post in kept]


def _show_deliveries(told: Told, console: Console) -> None:
    for key, by_receiver in told.items():
        for receiver, delivery in sorted(by_receiver.items()):
            error = f": {delivery.error}" if delivery.error else ""
            line = f"event {key.rpartition(':')[2]}  {receiver}  {delivery.state}{error}"
            console.print(Text(line))


def _newest(alert: Alert) -> AlertEvent:
    kinds: dict[str, Any] = {"open": OPENED, "worse": WORSENED, "resolved": RESOLVED}
    return AlertEvent(kinds[alert.state], alert, alert.sequence)


def _what(alert: Alert) -> str:
    """As when it was open: the title that people saw."""
    peak = msgspec.structs.replace(alert, observed=alert.peak_observed, state="open")
    return f"{alert.rule}: " + wording.title(AlertEvent(OPENED, peak, alert.sequence)).removeprefix(
        f"{alert.topic}: "
    )


def _state(alert: Alert) -> str:
    if alert.resolved_ms is None:
        return alert.state
    return f"resolved after {wording.span(alert.resolved_ms - alert.onset_ms)}"


def _summary(alert: Alert, told: Told) -> str:
    """Receivers with the least good that became of any event of the alert."""
    order = ("failed", "uncertain", "pending", "claimed", "delivered")
    worst: dict[str, str] = {}
    for key, by_receiver in told.items():
        if key.rpartition(":")[0] == alert.id:
            for receiver, delivery in by_receiver.items():
                held = worst.get(receiver, "delivered")
                worst[receiver] = min(held, delivery.state, key=order.index)
    worst.pop(STREAM, None)
    return ", ".join(f"{name} {state}" for name, state in sorted(worst.items()))


def _events(alerts: Sequence[Alert]) -> list[tuple[str, int]]:
    return [(a.id, sequence) for a in alerts for sequence in range(1, a.sequence + 1)]


def _document(alert: Alert, told: Told) -> dict[str, Any]:
    mine = {key: held for key, held in told.items() if key.rpartition(":")[0] == alert.id}
    return {**msgspec.structs.asdict(alert), "deliveries": mine}
