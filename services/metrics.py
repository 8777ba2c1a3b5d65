"""Every metric that Undertone exports, declared and explained in one place.

Names follow Prometheus's conventions: base units, `_total` for counters.
"""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram, Info

BUILD = Info("undertone_build", "What runs here")
BUILD.info({"version": version("undertone")})

RECORDS_READ = Counter("undertone_records_read_total", "Records polled", ["stage"])
RECORDS_WRITTEN = Counter("undertone_records_written_total", "Records written", ["stage"])
DEAD_LETTERS = Counter("undertone_dead_letters_total", "Records refused", ["stage", "reason"])
RETRIES = Counter("undertone_retries_total", "Retries of an unavailable neighbour", ["neighbour"])
HEALTHY = Gauge("undertone_healthy", "1 while the worker makes progress, else 0", ["stage"])
IN_FLIGHT = Gauge("undertone_batches_in_flight", "Batches submitted and not yet written", ["stage"])
BATCH_RECORDS = Histogram(
    "undertone_batch_records",
    "Records in a batch",
    ["stage"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096),
)
STAGE_SECONDS = Histogram("undertone_stage_seconds", "From submit to done of one batch", ["stage"])
LOOP = Gauge(
    "undertone_loop_timestamp_seconds",
    "When the worker's loop last went round, also while it waits: a stuck worker's stays behind",
    ["stage"],
)
LAG = Gauge(
    "undertone_consumer_lag_records",
    "Records not yet polled",
    ["stream", "group", "partition"],
)
PICTURES = Counter("undertone_pictures_total", "Pictures asked of their hosts", ["outcome"])

SHELVED_BYTES = Counter(
    "undertone_shelved_picture_bytes_total", "Written to the shelf of pictures (embedded)"
)
UNSHELVED = Counter(
    "undertone_unshelved_pictures_total", "Posts whose pictures the shelf's disk did not take"
)
PAIRS = Histogram(
    "undertone_inference_pairs",
    "Pairs of picture and words in one request to the networks",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
BATCH_WAIT_SECONDS = Histogram(
    "undertone_batch_wait_seconds",
    "How long the oldest record of a micro-batch waited from its stream to the submit",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)
NETWORK_SECONDS = Histogram("undertone_networks_seconds", "From request to answer of the networks")
MODEL_SECONDS = Histogram("undertone_model_seconds", "One run of an ONNX file here", ["model"])
SCORE_CACHE = Counter(
    "undertone_score_cache_total",
    "Pairs looked up among those scored before: hit, miss, same_batch",
    ["outcome"],
)
MASKED = Counter("undertone_masked_total", "Posts scored without picture or words", ["reason"])
SCORED_SECONDS = Histogram(
    "undertone_scored_seconds",
    "From a post's arrival in its stream to its scored record",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
TRITON_SECONDS = Gauge(
    "undertone_triton_seconds",
    "Triton's own statistics: seconds that a model's requests spent since it was loaded",
    ["model", "phase"],
)
TRITON_REQUESTS = Gauge(
    "undertone_triton_requests", "Triton's own statistics: requests and runs", ["model", "what"]
)
SOURCE_CONNECTED = Gauge("undertone_source_connected", "1 while the source delivers", ["source"])
SOURCE_LAST_EVENT = Gauge(
    "undertone_source_last_event_timestamp_seconds", "Event time of the newest event", ["source"]
)
SOURCE_LAG = Gauge(
    "undertone_source_lag_seconds", "From event to arrival, newest event", ["source"]
)
SOURCE_EVENTS = Counter("undertone_source_events_total", "Events received", ["source"])
SOURCE_RECONNECTS = Counter(
    "undertone_source_reconnects_total", "Connections that ended", ["source", "cause"]
)
SOURCE_GAPS = Counter(
    "undertone_source_gaps_total", "Windows without events", ["source", "cause", "filled"]
)
SOURCE_LOST = Counter(
    "undertone_source_lost_seconds_total", "Time whose events never came", ["source"]
)
UNKNOWN_ORIGINALS = Counter(
    "undertone_source_unknown_originals_total",
    "Reposts that say nothing but whose they are, of posts that never went by here",
    ["source"],
)
RECHECKED = Gauge(
    "undertone_source_rechecked_timestamp_seconds",
    "When the platform was last asked which of the posts that we keep are gone",
    ["source"],
)
POSTS_COUNTED = Counter("undertone_posts_counted_total", "Scored posts that were new to a topic")
WATERMARK = Gauge(
    "undertone_watermark_timestamp_seconds",
    "Event time up to which every pane of the namespace is closed, as this aggregator knows it",
    ["namespace"],
)
ALERTS_RAISED = Counter(
    "undertone_alerts_raised_total", "Alerts opened or made worse", ["rule", "severity"]
)
ALERTS_OPEN = Gauge("undertone_alerts_open", "Alerts not yet resolved", ["namespace", "severity"])
ALERTS_EVALUATED = Gauge(
    "undertone_alerts_evaluated_timestamp_seconds",
    "Event time up to which the alert hop has judged a live namespace",
    ["namespace"],
)
NOTIFICATIONS = Counter(
    "undertone_notifications_total",
    "Tries to tell a receiver of an alert: delivered, retried, rejected, uncertain",
    ["receiver", "outcome"],
)
NOTIFICATIONS_WAITING = Gauge(
    "undertone_notifications_waiting", "Events that a receiver is yet to be told", ["receiver"]
)
RECEIVER_FAILING = Gauge(
    "undertone_receiver_failing", "1 while a receiver of alerts takes no message", ["receiver"]
)
