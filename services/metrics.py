"""Every metric that Undertone exports, declared and explained in one place.

Names follow Prometheus's conventions: base units, `_total` for counters.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS_READ = Counter("undertone_records_read_total", "Records polled", ["stage"])
RECORDS_WRITTEN = Counter("undertone_records_written_total", "Records written", ["stage"])
DEAD_LETTERS = Counter("undertone_dead_letters_total", "Records refused", ["stage", "reason"])
RETRIES = Counter("undertone_retries_total", "Retries of an unavailable neighbour", ["neighbour"])
HEALTHY = Gauge("undertone_healthy", "1 while the worker makes progress, else 0", ["stage"])
IN_FLIGHT = Gauge("undertone_batches_in_flight", "Batches submitted and not yet done", ["stage"])
BATCH_RECORDS = Histogram(
    "undertone_batch_records",
    "Records in a batch",
    ["stage"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096),
)
STAGE_SECONDS = Histogram("undertone_stage_seconds", "From submit to done of one batch", ["stage"])
