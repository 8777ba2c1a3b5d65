"""X live, through the filtered stream: posts are paid for, so there is a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from services.ingest.draft import Draft, Parsed
from services.ingest.formats import twitter_v2
from services.ingest.gaps import Watch
from services.ingest.live_source import LiveSource, Wiring, place
from services.ingest.x_api import BUILT_IN, XApi
from services.ingest.x_budget import Budget, Estimate, Meter
from services.ingest.x_compliance import Recheck
from services.ingest.x_rules import Plan, Rule, rules_of
from services.ingest.x_socket import Options, XSocket
from services.topics import Topics

NAME = "x"


class Events:
    """See `services.ingest.live_source.Reader`: a message says all by itself."""

    def prepare(self, messages: Sequence[bytes]) -> None: ...

    def parse(self, message: bytes) -> list[Parsed]:
        return twitter_v2.parse(message)

    def keep(self, drafts: Sequence[Draft], gone: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Account:
    """What X knows us by and takes of us: `price` for one post read, `cap` for a month."""

    token: SecretStr
    price: float
    cap: float
    plan: Plan = Plan()  # noqa: RUF009 - frozen
    backfill: bool = False
    api: str = BUILT_IN


def x(
    wiring: Wiring,
    account: Account,
    topics: Callable[[], Topics],
    meter: Meter,
    cursor: bytes | None = None,
    *,
    options: Options | None = None,
    recheck: Recheck | None = None,
) -> LiveSource:
    """Posts of X that our topics ask for, from the saved cursor or from now on.

    `recheck` finds out which of them are deleted later; the source closes it.
    """

    def rules() -> Sequence[Rule]:
        return rules_of(topics(), account.plan)

    rules()  # refused here, before anything is connected
    watch = Watch(NAME, wiring.now_ms)
    budget = Budget(account.price, account.cap, meter, wiring.now_ms)
    socket = XSocket(
        watch,
        XApi(account.token, account.api),
        rules,
        budget,
        cursor=str(place(cursor).position or ""),
        options=options or Options(backfill=account.backfill),
        version=topics,
        recheck=recheck,
    )
    return LiveSource(NAME, socket, Events(), watch, wiring, cursor)


def estimate(account: Account, topics: Topics) -> list[Estimate]:
    """What each topic would bring and cost in a month, by X's counts of the last week."""
    api = XApi(account.token, account.api)
    found: dict[str, int] = {}
    for rule in rules_of(topics, account.plan):
        name = rule.tag.partition(":")[2]
        found[name] = found.get(name, 0) + api.count(rule.value)
    return [Estimate.of(name, posts, account.price) for name, posts in found.items()]
