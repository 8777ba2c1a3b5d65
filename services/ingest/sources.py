"""The live sources by name, wired from settings: `--source bluesky`, `mastodon`, `x`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from services.errors import UsageError
from services.ingest.bluesky import account_of, bluesky
from services.ingest.fetch import Fetcher
from services.ingest.jetstream_socket import PUBLIC_HOSTS
from services.ingest.live_source import LiveSource, Place, Wiring
from services.ingest.mastodon import mastodon
from services.ingest.removals import Removals
from services.ingest.times import X_EPOCH_MS
from services.ingest.x import Account, x
from services.ingest.x_api import BUILT_IN, XApi
from services.ingest.x_compliance import Recheck, Timing
from services.ingest.x_rules import Plan
from services.settings import Settings
from services.store.sources import Accounts, Originals, publish_status, spend
from services.store.store import Store
from services.topics import Topics

LIVE = ("bluesky", "mastodon", "x")
CLOCKS_MS = 5_000


def open_live(
    name: str,
    settings: Settings,
    store: Store,
    topics: Callable[[], Topics],
    now_ms: Callable[[], int],
    fetcher: Fetcher | None,
) -> LiveSource:
    """The source, going on from its saved cursor. `UsageError` says what setting it lacks.

    `fetcher` stays the caller's, to be closed after the source.
    """
    if name not in LIVE:
        raise UsageError(f"--source: {name!r} is none of {', '.join(LIVE)}")
    cursor = store.load_cursor(settings.namespace, name)
    if cursor is None:  # saved at once, so that a crash in the first second loses nothing
        cursor = msgspec.json.encode(Place(_beginning(name, now_ms())))
        store.save_cursor(settings.namespace, name, cursor)
    index = Accounts(store.client, settings.namespace)
    wiring = Wiring(
        settings.namespace,
        topics,
        now_ms,
        fetch=fetcher.fetch_many if fetcher else None,
        removals=Removals(index, account_of if name == "bluesky" else str),
        publish=partial(publish_status, store.client, settings.namespace, name),
    )
    if name == "bluesky":
        hosts = [host.strip() for host in settings.bluesky_hosts.split(",") if host.strip()]
        memory = Originals(store.client, settings.namespace)
        return bluesky(wiring, cursor, memory=memory, hosts=hosts or PUBLIC_HOSTS)
    if name == "mastodon":
        return _mastodon(wiring, settings, index, cursor)
    meter = partial(spend, store.client, settings.namespace, name)
    account = x_account(settings)
    recheck = None
    if settings.x_recheck_h:
        timing = Timing(every_s=settings.x_recheck_h * 3600.0)
        recheck = Recheck(XApi(account.token, account.api), index.all, now_ms, timing=timing)
    return x(wiring, account, topics, meter, cursor, recheck=recheck)


def _beginning(name: str, now_ms: int) -> int:
    """Now, in the platform's own measure, as far as its clock and ours agree."""
    at_ms = now_ms - CLOCKS_MS
    beginnings = {
        "bluesky": at_ms * 1000,
        "mastodon": at_ms << 16,
        "x": (at_ms - X_EPOCH_MS) << 22,
    }
    return beginnings[name]


def _mastodon(
    wiring: Wiring, settings: Settings, index: Accounts, cursor: bytes | None
) -> LiveSource:
    if settings.mastodon_server is None or settings.mastodon_token is None:
        raise UsageError(
            "--source mastodon needs UNDERTONE_MASTODON_SERVER (https://…) and "
            "UNDERTONE_MASTODON_TOKEN (or _TOKEN_FILE); a token is made under "
            "Preferences, Development, of any account on that server"
        )
    return mastodon(
        wiring,
        settings.mastodon_server,
        settings.mastodon_token,
        cursor,
        index=index,
        stream=settings.mastodon_stream,
    )


def x_account(settings: Settings, *, needs_cap: bool = True) -> Account:
    """X's side of the settings; `UsageError` where the token or the cap is missing."""
    if settings.x_bearer_token is None:
        raise UsageError(
            "--source x needs UNDERTONE_X_BEARER_TOKEN (or UNDERTONE_X_BEARER_TOKEN_FILE): "
            "the bearer token of your app at developer.x.com"
        )
    if needs_cap and not settings.x_monthly_cap:
        raise UsageError(
            "--source x needs UNDERTONE_X_MONTHLY_CAP: X charges for each post that it sends, "
            "and reading stops at this sum (undertone topics estimate tells what to expect)"
        )
    return Account(
        settings.x_bearer_token,
        price=settings.x_price_per_post,
        cap=settings.x_monthly_cap,
        plan=Plan(settings.x_rule_length, settings.x_rules),
        backfill=settings.x_backfill,
        api=settings.x_api_url or BUILT_IN,
    )
