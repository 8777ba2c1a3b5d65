"""The dashboard of the pipeline itself, from Prometheus."""

from __future__ import annotations

from typing import Any, Final

from services.grafana.panels import Json, Panel, Row, dashboard, graph, stat, table, words
from services.grafana.promql import mean, quantile, rate, spent, triton
from services.grafana.queries import prometheus

UID: Final = "undertone-operations"
BAD: Final = ((1.0, "red"),)


def operations() -> Json:
    return dashboard(
        UID,
        "Undertone: operations",
        [
            Row("Now", _now()),
            Row("The way of a post", _flow()),
            Row("Networks", _networks()),
            Row("What goes wrong", _trouble()),
            Row("Sources", _sources()),
            Row("Alerts", _alerts()),
            Row("Processes", _processes()),
        ],
        description="Lag, throughput, latency, dead letters, sources, Triton, processes.",
        since="now-1h",
        refresh="10s",
    )


def _now() -> list[Panel]:
    def now(title: str, expression: str, **shown: Any) -> Panel:
        return stat(title, prometheus(expression, title), **shown)

    ill = words({"0": ("no", "green")})
    return [
        now("Hops that are not well", "sum(1 - undertone_healthy)", limits=BAD, mappings=ill),
        now("Records behind", "sum(undertone_consumer_lag_records)", unit="short"),
        now("From post to score, p99", quantile(0.99), unit="s", limits=((5, "orange"),)),
        now(
            "Dead letters, last hour",
            "sum(increase(undertone_dead_letters_total[1h])) or vector(0)",
            unit="short",
            decimals=0,
            limits=((1, "orange"),),
        ),
        now(
            "Sources that don't deliver",
            "sum(1 - undertone_source_connected)",
            limits=BAD,
            none="none live",
        ),
        now("Alerts open", "sum(undertone_alerts_open) or vector(0)", limits=((1, "orange"),)),
    ]


def _flow() -> list[Panel]:
    read, written = rate("undertone_records_read_total"), rate("undertone_records_written_total")
    return [
        graph(
            "Records a second",
            prometheus(f"sum by (stage) ({read})", "{{stage}}: read"),
            prometheus(f"sum by (stage) ({written})", "{{stage}}: written", ref="B"),
            prometheus(f"sum({rate('undertone_posts_counted_total')})", "counted", ref="C"),
            unit="short",
            min=0,
        ),
        graph(
            "Lag",
            prometheus(
                "sum by (stream, group) (undertone_consumer_lag_records)", "{{group}} of {{stream}}"
            ),
            unit="short",
            min=0,
            description="Records that a consumer group has not polled yet.",
        ),
        graph(
            "From a post's arrival to its score",
            *(
                prometheus(quantile(share), name, ref=ref)
                for ref, share, name in (("A", 0.5, "p50"), ("B", 0.9, "p90"), ("C", 0.99, "p99"))
            ),
            unit="s",
            min=0,
        ),
        graph(
            "Time in a stage, a batch",
            prometheus(
                quantile(0.99, "undertone_stage_seconds", "stage"),
                "{{stage}}: p99",
            ),
            prometheus(
                quantile(0.99, "undertone_batch_wait_seconds"),
                "inference: waiting to be full, p99",
                ref="B",
            ),
            unit="s",
            min=0,
        ),
        graph(
            "Event time that is not complete",
            prometheus(
                "time() - max by (namespace) (undertone_watermark_timestamp_seconds)",
                "{{namespace}}: counted",
            ),
            prometheus(
                "time() - max by (namespace) (undertone_alerts_evaluated_timestamp_seconds) "
                "and on (namespace) undertone_watermark_timestamp_seconds",
                "{{namespace}}: judged for alerts",
                ref="B",
            ),
            unit="s",
            min=0,
            description="Behind now. It also grows while nobody writes about any topic.",
        ),
        graph(
            "Batches in flight",
            prometheus("sum by (stage) (undertone_batches_in_flight)", "{{stage}}"),
            min=0,
            description="Submitted and not yet written. Those that are done wait for an older one: "
            "three times `in_flight` at most.",
        ),
    ]


def _networks() -> list[Panel]:
    cached = rate("undertone_score_cache_total")
    return [
        graph(
            "Pairs of picture and words, a second",
            prometheus(f"sum({rate('undertone_inference_pairs_sum')})", "asked of the networks"),
            prometheus(f"sum by (outcome) ({cached})", "looked up: {{outcome}}", ref="B"),
            unit="short",
            min=0,
        ),
        graph(
            "Batch size",
            prometheus(mean("undertone_inference_pairs"), "pairs in a request"),
            prometheus(triton("pairs", "runs"), "Triton, {{model}}: pairs in a run", ref="B"),
            min=0,
        ),
        graph(
            "Triton: time of a request",
            *(
                prometheus(spent(phase), f"{{{{model}}}}: {phase}", ref=ref)
                for ref, phase in (("A", "queue"), ("B", "compute_infer"))
            ),
            unit="s",
            min=0,
        ),
        graph(
            "Networks in the process: time of a run",
            prometheus(mean("undertone_model_seconds", "model"), "{{model}}"),
            prometheus(mean("undertone_networks_seconds"), "all, a request", ref="B"),
            unit="s",
            min=0,
        ),
        graph(
            "Posts scored without picture or words",
            prometheus(f"sum by (reason) ({rate('undertone_masked_total')})", "{{reason}}"),
            unit="short",
            min=0,
        ),
        graph(
            "Pictures asked of their hosts, a second",
            prometheus(f"sum by (outcome) ({rate('undertone_pictures_total')})", "{{outcome}}"),
            unit="short",
            min=0,
        ),
    ]


def _trouble() -> list[Panel]:
    dead, again = rate("undertone_dead_letters_total"), rate("undertone_retries_total")
    return [
        graph(
            "Dead letters a second",
            prometheus(f"sum by (stage, reason) ({dead})", "{{stage}}: {{reason}}"),
            unit="short",
            min=0,
        ),
        graph(
            "Retries a second",
            prometheus(f"sum by (neighbour) ({again})", "{{neighbour}}"),
            unit="short",
            min=0,
        ),
        graph(
            "Healthy",
            prometheus("min by (stage, instance) (undertone_healthy)", "{{stage}} {{instance}}"),
            min=0,
            max=1,
        ),
        graph(
            "Since the loop went round",
            prometheus("time() - undertone_loop_timestamp_seconds", "{{stage}} {{instance}}"),
            unit="s",
            min=0,
            description="A stuck worker's grows.",
        ),
    ]


def _sources() -> list[Panel]:
    lost = rate("undertone_source_reconnects_total")
    return [
        graph(
            "Events a second",
            prometheus(f"sum by (source) ({rate('undertone_source_events_total')})", "{{source}}"),
            unit="short",
            min=0,
        ),
        graph(
            "From event to arrival",
            prometheus("max by (source) (undertone_source_lag_seconds)", "{{source}}"),
            unit="s",
            min=0,
        ),
        graph(
            "Since the newest event",
            prometheus(
                "time() - max by (source) (undertone_source_last_event_timestamp_seconds)",
                "{{source}}",
            ),
            unit="s",
            min=0,
        ),
        graph(
            "Connections that ended, and time that was lost",
            prometheus(f"sum by (source, cause) ({lost})", "{{source}}: {{cause}}, a second"),
            prometheus(
                "sum by (source) (increase(undertone_source_lost_seconds_total[1h]))",
                "{{source}}: seconds lost in an hour",
                ref="B",
            ),
            prometheus(
                "sum by (source, filled) (increase(undertone_source_gaps_total[1h]))",
                "{{source}}: gaps in an hour, filled {{filled}}",
                ref="C",
            ),
            min=0,
        ),
    ]


def _alerts() -> list[Panel]:
    raised = "increase(undertone_alerts_raised_total[1h])"
    return [
        graph(
            "Alerts raised in an hour",
            prometheus(f"sum by (rule, severity) ({raised})", "{{rule}}: {{severity}}"),
            min=0,
            width=8,
        ),
        graph(
            "Receivers told, a second",
            prometheus(
                f"sum by (receiver, outcome) ({rate('undertone_notifications_total')})",
                "{{receiver}}: {{outcome}}",
            ),
            min=0,
            width=8,
        ),
        graph(
            "Events that receivers wait for",
            prometheus(
                "max by (receiver) (undertone_notifications_waiting)",
                "{{receiver}}",
            ),
            min=0,
            width=8,
        ),
    ]


def _processes() -> list[Panel]:
    ours = "* on (instance, job) group_left (version) undertone_build_info"
    return [
        graph(
            "Memory",
            prometheus(f"process_resident_memory_bytes {ours}", "{{instance}}"),
            unit="bytes",
            min=0,
            width=8,
        ),
        graph(
            "Processor cores in use",
            prometheus(f"{rate('process_cpu_seconds_total')} {ours}", "{{instance}}"),
            min=0,
            width=8,
        ),
        table(
            "Versions",
            prometheus("count by (instance, version) (undertone_build_info)", now=True),
            width=8,
            fields=[("Time", {"custom.hidden": True}), ("Value", {"custom.hidden": True})],
        ),
    ]
