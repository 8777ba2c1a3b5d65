"""Which metrics and labels there are, and whether a PromQL expression keeps to them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client.metrics import MetricWrapperBase

from services import metrics as metrics

OF_PROMETHEUS = {"instance", "job", "le", "service", "alertname"}
OF_PROCESSES = {"process_resident_memory_bytes", "process_cpu_seconds_total", "up", "ALERTS"}
KEYWORDS = {"by", "on", "and", "or", "unless", "offset", "group_left", "without"}
FUNCTIONS = {
    "absent",
    "count",
    "deriv",
    "histogram_quantile",
    "increase",
    "label_replace",
    "max",
    "min",
    "rate",
    "sum",
    "time",
    "vector",
}


def declared() -> dict[str, set[str]]:
    """Sample names of `services.metrics`, with their labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        labels = set(metric._labelnames)
        for described in metric.describe():
            for suffix in _suffixes(described.type):
                found[described.name + suffix] = labels
    found["undertone_build_info"] = {"version"}
    return found


def _suffixes(kind: str) -> tuple[str, ...]:
    return {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(kind, ("",))


DECLARED = declared()


def check_expression(
    expression: str, labels: Iterable[str] = (), recorded: Iterable[str] = ()
) -> None:
    """Fail where it names a metric that we don't export, or a label that those don't have."""
    text = re.sub(r'"[^"]*"', '""', expression)
    inner = [
        *re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", text),
        *re.findall(r"\{([^}]*)\}", text),
    ]
    named = {word for part in inner for word in re.findall(r"[a-z_]\w*", part)} | set(labels)
    outer = re.sub(r"\b(?:by|on|group_left)\s*\([^)]*\)|\{[^}]*\}|\[[^\]]*\]|offset \w+", " ", text)
    words = set(re.findall(r"[A-Za-z_][\w:]*", outer)) - KEYWORDS - FUNCTIONS
    known = set(DECLARED) | OF_PROCESSES | set(recorded)
    assert words <= known, f"{expression}: no metric {words - known}"
    have = set().union(*(DECLARED.get(word, set()) for word in words)) | OF_PROMETHEUS
    if not words & set(recorded):
        assert named <= have, f"{expression}: no label {named - have}"
