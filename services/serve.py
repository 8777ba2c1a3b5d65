"""The dashboard's server, wired from settings; imported only where it is served."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing

from services import pipeline
from services.dashboard.app import Options
from services.dashboard.backend import Backend
from services.dashboard.server import Address, DashboardServer, refuse_to_be_open
from services.errors import UsageError
from services.phrases import own_words
from services.pictures.port import Pictures
from services.settings import Settings
from services.settings.dashboard import proxies
from services.store.store import Store
from services.topics import load_topics


def serve_dashboard(
    settings: Settings, stack: ExitStack, *, or_next_port: bool = False
) -> DashboardServer:
    """Serve it until `stack` ends, with a connection of its own to the store.

    `or_next_port`: beside other work, where a port that is taken is no reason to fail.
    """
    token = settings.dashboard_token
    secret = token.get_secret_value() if token else None
    refuse_to_be_open(settings.dashboard_host, secret)
    store = pipeline.make_store(settings)
    stack.callback(store.close)
    backend = Backend(store, live=settings.namespace, clock_ms=pipeline.clock_ms)
    address = Address(settings.dashboard_host, settings.dashboard_port, or_next_port)
    options = Options(
        address.host,
        settings.dashboard_url,
        secret,
        pictures=_pictures(settings, store, stack),
        own_words=_own_words(settings),
        proxies=proxies(settings.dashboard_trusted_proxies),
    )
    server = DashboardServer(backend, address, options)
    stack.callback(server.close)
    return server


def _pictures(settings: Settings, store: Store, stack: ExitStack) -> Pictures | None:
    """Where the pictures of kept posts are, until `stack` ends; None where none are kept."""
    streams = None
    if not pipeline.is_embedded(settings):
        streams = stack.enter_context(closing(pipeline.make_streams(settings)))
    pictures = pipeline.make_pictures(settings, streams, store)
    if pictures is not None:
        stack.callback(pictures.close)
    return pictures


def _own_words(settings: Settings) -> Callable[[str], frozenset[str]]:
    """Words that each topic's query asks for. A dashboard may stand where no topics file is, and
    then knows of none."""
    try:
        topics = load_topics(settings.topics_file)
    except UsageError:
        return lambda _: frozenset()
    words = {topic.name: own_words(topic.tree) for topic in topics}
    return lambda topic: words.get(topic, frozenset())
