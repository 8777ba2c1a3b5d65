"""Copies Triton's own statistics to our metrics now and then, on a thread of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from services.errors import Unavailable
from services.metrics import TRITON_REQUESTS, TRITON_SECONDS

log = logging.getLogger(__name__)

EVERY_S = 10.0
PHASES = ("queue", "compute_input", "compute_infer", "compute_output", "fail")


class Statistics:
    """Asked for by `refresh`, which costs nothing most of the time."""

    def __init__(self, fetch: Callable[[], Any]) -> None:
        """`fetch` answers Triton's `ModelStatisticsResponse`, or raises `Unavailable`."""
        self._fetch = fetch
        self._runner = ThreadPoolExecutor(1, thread_name_prefix="triton-statistics")
        self._next = 0.0

    def refresh(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            with suppress(RuntimeError):  # closed meanwhile
                self._runner.submit(self._copy)

    def close(self) -> None:
        self._runner.shutdown()

    def _copy(self) -> None:
        try:
            answer = self._fetch()
        except Unavailable as error:
            log.info("no statistics: %s", error)
            return
        for model in answer.model_stats:
            for phase in PHASES:
                spent = getattr(model.inference_stats, phase)
                TRITON_SECONDS.labels(model.name, phase).set(spent.ns / 1e9)
            TRITON_REQUESTS.labels(model.name, "requests").set(model.inference_stats.queue.count)
            TRITON_REQUESTS.labels(model.name, "pairs").set(model.inference_count)
            TRITON_REQUESTS.labels(model.name, "runs").set(model.execution_count)
            TRITON_REQUESTS.labels(model.name, "failed").set(model.inference_stats.fail.count)
