"""Futures that end in time; a bounded cache; answers that are none."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

from models.signature import SENTIMENT
from services.errors import Unavailable
from services.inference import triton
from services.inference.cache import Cache, content_key
from services.inference.calls import Calls, fail, succeed
from services.inference.classifier import BadBatch, verified


def late() -> Exception:
    return Unavailable("triton", "late")


def test_a_late_request_fails_and_its_answer_is_dropped() -> None:
    calls: Calls[int] = Calls(0.05)
    future = calls.begin(late)
    with pytest.raises(Unavailable, match="late"):
        future.result(5)
    succeed(future, 1)
    calls.end(future)
    assert calls.drain(0) == []
    assert isinstance(future.exception(), Unavailable)


def test_a_request_in_time_is_left_alone() -> None:
    calls: Calls[int] = Calls(0.05)
    future = calls.begin(late)
    succeed(future, 1)
    calls.end(future)
    time.sleep(0.1)
    fail(future, late())
    assert future.result(0) == 1


def test_draining_waits_for_what_is_under_way_and_names_what_stays() -> None:
    calls: Calls[int] = Calls(60)
    soon, never = calls.begin(late), calls.begin(late)
    threading.Timer(0.05, calls.end, [soon]).start()
    assert calls.drain(0.3) == [never]
    calls.end(never)


def test_the_client_pings_no_more_often_than_triton_takes() -> None:
    """gRPC servers end connections that ping more often than every five minutes without data."""
    assert dict(triton._CHANNEL).get("grpc.keepalive_time_ms", sys.maxsize) >= 300_000


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache: Cache[int] = Cache(2)
    cache.put(b"a", 1)
    cache.put(b"b", 2)
    assert cache.get(b"a") == 1
    cache.put(b"c", 3)
    assert (cache.get(b"b"), cache.get(b"a"), len(cache)) == (None, 1, 2)


def test_a_cache_of_size_none_keeps_nothing() -> None:
    cache: Cache[int] = Cache(0)
    cache.put(b"a", 1)
    assert cache.get(b"a") is None


def test_a_key_names_both_sides() -> None:
    keys = {
        content_key(jpeg, words) for jpeg in (None, b"a", b"b") for words in (b"1" * 8, b"2" * 8)
    }
    assert len(keys) == 6


def good(pairs: int = 2) -> dict[str, np.ndarray]:
    return {t.name: np.zeros((pairs, *t.shape), t.dtype) for t in SENTIMENT.outputs}


def test_an_answer_is_taken_as_it_is() -> None:
    assert set(verified("triton", good(), 2).outputs) == {t.name for t in SENTIMENT.outputs}


@pytest.mark.parametrize(
    "wrong", [None, np.zeros((2, 2), np.float32), np.zeros((1, 3), np.float32), np.zeros((2, 3))]
)
def test_an_answer_of_another_form_is_the_servers_fault(wrong: np.ndarray | None) -> None:
    answer = good() | {"RNNCA_PROBS": wrong}
    with pytest.raises(Unavailable, match="RNNCA_PROBS, not float32"):
        verified("triton", answer, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_none_may_be_one_posts_fault(number: float) -> None:
    answer = good()
    answer["DMLANET_PROBS"][1, 2] = number
    with pytest.raises(BadBatch, match="DMLANET_PROBS"):
        verified("triton", answer, 2)
