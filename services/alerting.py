"""The alert hop, wired from settings: who judges, who explains, who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services import pipeline
from services.alerts.books import Books, book_of, dump
from services.alerts.deliver import Deliveries
from services.alerts.explain import Explainer
from services.alerts.follow import Explain, Wiring
from services.alerts.hop import LEASE_MS, AlertHop, Options
from services.alerts.message import Writer
from services.alerts.notify.make import make_receivers
from services.alerts.notify.port import Receiver
from services.alerts.stream import AlertStream
from services.pictures.port import Pictures
from services.settings import Settings
from services.store import Store
from services.store.alerts import ALERTS, STREAM, Alert, Alerts, Explanation
from services.store.reader import Reader
from services.stream.port import Streams
from services.topics import Topics

EMBEDDED_LEASE_MS = 5_000
"""After a kill, the next run waits no longer for the one before."""


def alert_hop(
    settings: Settings,
    streams: Streams,
    store: Store,
    topics: Callable[[], Topics] | None,
    namespace: str | None = None,
    book: str = ALERTS,
) -> AlertHop:
    """The alert hop for one namespace, or for all. `topics`: those of the live namespace.

    What is judged for comparison alone (`book`) is told to nobody.
    """
    books = Books(Alerts(store, book), settings.namespace, topics)
    receivers: dict[str, Receiver] = {}
    if book == ALERTS:
        receivers = make_receivers(settings, pipeline.clock_ms)
        receivers[STREAM] = AlertStream(streams, pipeline.Names.of(settings).alerts)
    told = Told(settings, tuple(name for name in receivers if name != STREAM))
    shown = pipeline.make_pictures(
        settings, None if pipeline.is_embedded(settings) else streams, store
    )
    telling = Telling(
        shown,
        receivers,
        lambda: pipeline.make_store(settings),
        lambda own: Writer(Reader(own), shown),
        told,
    )
    options = Options(
        live=settings.namespace,
        namespaces=None if namespace is None else (namespace,),
        lease_ms=EMBEDDED_LEASE_MS if namespace else LEASE_MS,
    )
    wiring = Wiring(
        Alerts(store, book), settings.namespace, explainer(settings, store, books), told=told
    )
    return AlertHop(store, options, books.rules, wiring, telling)


class Telling(Deliveries):
    """Deliveries that show pictures of posts."""

    def __init__(self, shown: Pictures | None, *others: Any) -> None:
        """Closes `shown` when closed."""
        super().__init__(*others)
        self._shown = shown

    def close(self) -> None:
        super().close()
        if self._shown is not None:
            self._shown.close()


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of a namespace's alerts: of a replay's, only where the settings say so."""

    settings: Settings
    receivers: tuple[str, ...]

    def __call__(self, namespace: str) -> tuple[str, ...]:
        live = namespace == self.settings.namespace
        return self.receivers if live or self.settings.notify_replays else ()


def keep_rules(store: Store, namespace: str, topics: Topics, book: str = ALERTS) -> None:
    """Leave a replay's rules where whoever judges it finds them."""
    Alerts(store, book).save_rules(namespace, dump(book_of(topics)))


def explainer(settings: Settings, store: Store, books: Books) -> Explain:
    """Explains from what the store has of a topic's posts."""
    reader, address = Reader(store), settings.dashboard_url
    address = address or f"http://{settings.dashboard_host}:{settings.dashboard_port}"

    def explain(namespace: str, alert: Alert, start_ms: int, end_ms: int) -> Explanation:
        ask = Explainer(reader, lambda topic: books.words(namespace, topic), address)
        return ask(namespace, alert, start_ms, end_ms)

    return explain
