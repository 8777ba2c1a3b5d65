"""What `undertone rolling`, `audit` and `rebuild` print, and how they end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from services.aggregation.commands import audit_command, rebuild_command, rolling_command
from services.aggregation.recount import Lateness
from services.aggregation.stage import AggregationStage, Options
from services.errors import UsageError
from services.store import Store
from services.stream.memory import MemoryStreams
from tests.scores import NAMES, SCORES, START_MS, everything, mark, scored, send, streams
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration
NOW = START_MS + 100_000


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    opened = valkey.open()
    yield opened
    opened.close()


@pytest.fixture
def counted(store: Store) -> MemoryStreams:
    """Sixty posts of two topics in a replay, ten of one topic live."""
    made = streams()
    stage = AggregationStage(store, made, Options(SCORES), clock_ms=lambda: NOW)
    stage.assigned([0])
    send(made, [scored(str(n), n * 1_000, topic=f"[t{n % 2}]", label=n % 3) for n in range(60)])
    send(made, [scored(str(n), n * 9_000, topic="live one", namespace="live") for n in range(10)])
    send(made, [mark(60_000, ended=True)])
    stage.submit(everything(made, 0)).result()
    stage.flush(made.ends(SCORES))
    stage.close()
    return made


def said(command: Any, *arguments: Any, **options: Any) -> tuple[Any, str]:
    out = io.StringIO()
    status = command(*arguments, console=Console(file=out, width=120), **options)
    return status, out.getvalue()


def test_rolling_shows_every_topic_of_a_namespace(store: Store, counted: MemoryStreams) -> None:
    _, text = said(rolling_command, store, None, namespace="replay-1", clock_ms=lambda: NOW)
    assert "replay-1: 5m" in text
    assert "[t0]" in text
    assert "[t1]" in text
    assert text.count(" 30 ") == 2
    assert "33%" in text


def test_rolling_live_ends_now(store: Store, counted: MemoryStreams) -> None:
    _, text = said(
        rolling_command, store, "live one", window="1m", as_json=True, clock_ms=lambda: NOW
    )
    answer = json.loads(text)
    row = answer["topics"]["live one"]
    assert answer["namespace"] == "live"
    assert (row["end_ms"], row["count"]) == (START_MS + 110_000, 4)
    assert row["top"][0]["id"] == "x:9"


def test_rolling_names_what_there_is(store: Store, counted: MemoryStreams) -> None:
    with pytest.raises(UsageError, match="live one"):
        said(rolling_command, store, "nothing", clock_ms=lambda: NOW)
    with pytest.raises(UsageError, match="live, replay-1"):
        said(rolling_command, store, None, namespace="elsewhere", clock_ms=lambda: NOW)
    with pytest.raises(UsageError, match="15m"):
        said(rolling_command, store, None, window="7m", clock_ms=lambda: NOW)


def test_audit_ends_with_0_or_1_and_lists_differences(store: Store, counted: MemoryStreams) -> None:
    status, text = said(audit_command, counted, store, NAMES, Lateness())
    assert status == 0
    assert "No difference." in text
    assert "71 scored records" in text
    store.client.call("HINCRBY", "ut:{replay-1/[t0]}:totals", "neutral", 5)
    status, text = said(audit_command, counted, store, NAMES, Lateness())
    assert status == 1
    assert "replay-1/[t0] neutral: streams say 10, store says 15" in text
    status, text = said(audit_command, counted, store, NAMES, Lateness(), as_json=True)
    answer = json.loads(text)
    assert status == 1
    assert not answer["ok"]
    assert answer["differences"] == [
        {"namespace": "replay-1", "topic": "[t0]", "what": "neutral", "expected": 10, "found": 15}
    ]
    status, _ = said(audit_command, counted, store, NAMES, Lateness(), namespace="live")
    assert status == 0


def test_rebuild_mends_what_the_audit_found(store: Store, counted: MemoryStreams) -> None:
    store.client.call("HINCRBY", "ut:{replay-1/[t0]}:totals", "neutral", 5)
    _, text = said(rebuild_command, counted, store, Options(SCORES))
    assert "71 records" in text
    status, _ = said(audit_command, counted, store, NAMES, Lateness())
    assert status == 0


def test_embedded_there_is_nothing_to_recount(store: Store, counted: MemoryStreams) -> None:
    with pytest.raises(UsageError, match="memory"):
        said(audit_command, counted, store, NAMES, Lateness(), in_memory=True)
    with pytest.raises(UsageError, match="memory"):
        said(rebuild_command, counted, store, Options(SCORES), in_memory=True)
