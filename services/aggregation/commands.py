"""What `undertone rolling`, `audit` and `rebuild` do and print."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.aggregation.audit import Audit, Names, audit
from services.aggregation.rebuild import rebuild
from services.aggregation.recount import Lateness
from services.aggregation.stage import Options
from services.errors import UsageError
from services.store.reader import LIVE, WINDOWS, Reader
from services.store.store import Store
from services.stream.port import Streams
from services.tables import fitted

SHOWN = 50
"""Differences that are printed; `--json` has all."""
IN_MEMORY = (
    "embedded, the streams live in memory and end with their run: there is nothing to {} from. "
    "Set streams_url to Kafka"
)


def rolling_command(
    store: Store,
    topic: str | None,
    *,
    window: str = "5m",
    namespace: str = LIVE,
    live: str = LIVE,
    as_json: bool = False,
    clock_ms: Callable[[], int],
    console: Console,
) -> None:
    """Print one rolling window of a topic, or of every topic of the namespace.

    A live window is summed up to now; a replay's ends at its newest post.
    """
    if window not in WINDOWS:
        raise UsageError(f"there is no window {window!r}; there are {', '.join(WINDOWS)}")
    reader = Reader(store)
    topics = _topics(reader, namespace, topic)
    rows = {}
    for name in topics:
        end = clock_ms() if namespace == live else reader.totals(namespace, name).last_post_ms
        stored = reader.rolling(namespace, name)
        if namespace != live and stored is not None:
            end = stored.end_ms - 1
        fresh = reader.rolling(namespace, name, end) if end is not None else None
        if fresh is not None:
            rows[name] = {**fresh.windows[window], "top": fresh.top[window]}
    if as_json:
        answer = {"namespace": namespace, "window": window, "topics": rows}
        console.print_json(json.dumps(answer, ensure_ascii=False), indent=None)
    else:
        console.print(fitted(rolling_table(rows, namespace, window), console))


def _topics(reader: Reader, namespace: str, topic: str | None) -> Sequence[str]:
    topics = reader.topics(namespace)
    if not topics:
        known = ", ".join(n.name for n in reader.namespaces()) or "none yet"
        raise UsageError(f"nothing was counted in namespace {namespace!r}; namespaces: {known}")
    if topic is None:
        return topics
    if topic not in topics:
        raise UsageError(
            f"no post of topic {topic!r} in {namespace!r}; topics: {', '.join(topics)}"
        )
    return [topic]


def rolling_table(rows: Mapping[str, Mapping[str, Any]], namespace: str, window: str) -> Table:
    """One line a topic; `rows` are its figures in the window."""
    ends = [row["end_ms"] for row in rows.values()]
    until = f" to {_time(max(ends))}" if ends else ""
    table = Table(
        title=f"{escape(namespace)}: {window}{until}",
        title_justify="left",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("topic")
    for name in ("posts", "negative", "neutral", "positive", "mean", "±", "authors", "late"):
        table.add_column(name, justify="right", no_wrap=True)
    for topic, row in rows.items():
        shares = [_share(row[f"{label}_share"]) for label in ("negative", "neutral", "positive")]
        mean, error = _number(row["mean_score"], "+.3f"), _number(row["standard_error"], ".3f")
        table.add_row(
            escape(topic),
            str(row["count"]),
            *shares,
            mean,
            error,
            str(row["authors"]),
            str(row["late"]),
        )
    return table


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def audit_command(
    streams: Streams,
    store: Store,
    names: Names,
    rules: Lateness,
    *,
    namespace: str | None = None,
    in_memory: bool = False,
    as_json: bool = False,
    console: Console,
) -> int:
    """Recount, compare, print; the exit status: 0 without a difference, else 1."""
    if in_memory:
        raise UsageError(IN_MEMORY.format("recount"))
    result = audit(streams, store, names, rules, namespace)
    if as_json:
        console.print_json(json.dumps(dataclasses.asdict(result) | {"ok": result.ok}), indent=None)
    else:
        _print_audit(result, console)
    return 0 if result.ok else 1


def _print_audit(result: Audit, console: Console) -> None:
    console.print(
        f"Recounted {result.posts:,} posts and {result.records:,} scored records; compared "
        f"{result.numbers:,} numbers of {result.topics:,} topics."
    )
    if result.lag or result.unscored:
        console.print(f"On their way: {result.unscored:,} posts, {result.lag:,} scored records.")
    if result.ambiguous:
        console.print(
            f"{result.ambiguous:,} numbers hold posts that stand on two partitions with two "
            "scores (the stream's partitions were increased); either score was accepted."
        )
    for d in result.differences[:SHOWN]:
        place = f"{d.namespace}/{d.topic} {d.what}"
        console.print(f"  {escape(place)}: streams say {d.expected:,}, store says {d.found:,}")
    if len(result.differences) > SHOWN:
        console.print(f"  … and {len(result.differences) - SHOWN:,} more")
    said = "No difference." if result.ok else f"{len(result.differences):,} differences."
    console.print(said)


def rebuild_command(
    streams: Streams,
    store: Store,
    options: Options,
    *,
    namespace: str | None = None,
    in_memory: bool = False,
    console: Console,
) -> None:
    """Recreate the store, or one namespace of it, and say how much was counted."""
    if in_memory:
        raise UsageError(IN_MEMORY.format("rebuild"))
    with console.status("counting…") as status:
        read = rebuild(
            streams, store, options, namespace, lambda n: status.update(f"counting… {n:,}")
        )
    console.print(f"Counted {read:,} records again.")
