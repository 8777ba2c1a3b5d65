"""What `undertone topics estimate` does: ask X what topics would bring and cost in a month."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.ingest.sources import x_account
from services.ingest.x import estimate
from services.settings import Settings
from services.topics import load_topics


def topics_estimate(settings: Settings, path: Path, console: Console) -> None:
    """Print posts and cost per topic. Counting is free of charge; `UsageError` says what lacks."""
    account = x_account(settings, needs_cap=False)
    found = estimate(account, load_topics(path))
    table = Table("topic", "posts a month", "cost a month")
    for each in found:
        table.add_row(Text(each.topic), f"{each.posts:,}", f"{each.cost:,.2f}")
    posts, cost = sum(each.posts for each in found), sum(each.cost for each in found)
    table.add_row("all", f"{posts:,}", f"{cost:,.2f}")
    console.print(table)
    console.print(
        "From X's counts of the last seven days. A post that several topics take is "
        f"delivered, and paid, once. Price per post: {account.price}; "
        f"monthly cap: {account.cap or 'not set'}."
    )
