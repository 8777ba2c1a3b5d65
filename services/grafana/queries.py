"""What panels ask, and of whom: our own API through the Infinity plugin, or Prometheus.

Infinity's `backend` parser runs in Grafana's server, so the dashboard's API need not be reached
by browsers; its addresses are relative to the data source's, and `${name:percentencode}` is
how Grafana writes a variable into one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]

API_UID: Final = "undertone-api"
PROMETHEUS_UID: Final = "undertone-prometheus"
INFINITY: Final = "yesoreyeram-infinity-datasource"
API: Final[Json] = {"type": INFINITY, "uid": API_UID}
PROMETHEUS: Final[Json] = {"type": "prometheus", "uid": PROMETHEUS_UID}
GRAFANA: Final[Json] = {"type": "grafana", "uid": "-- Grafana --"}

BASE: Final = "/api/v1"
NAMESPACE: Final = "namespace=${namespace:percentencode}"
TOPIC: Final = f"{BASE}/topics/${{topic:percentencode}}"
SPAN: Final = "from=${__from}&to=${__to}"
"""The time shown, in milliseconds."""

NUMBER, TEXT, TIME = "number", "string", "timestamp_epoch"


def infinity(
    url: str,
    columns: Sequence[tuple[str, str, str]],
    *,
    root: str = "",
    kind: str = "json",
    ref: str = "A",
) -> Json:
    """A table from one address: (selector, title, type) per column, below `root` in JSON."""
    return {
        "refId": ref,
        "datasource": API,
        "queryType": "infinity",
        "type": kind,
        "parser": "backend",
        "source": "url",
        "format": "table",
        "url": url,
        "url_options": {"method": "GET", "data": ""},
        "root_selector": root,
        "columns": [
            {"selector": selector, "text": title, "type": of} for selector, title, of in columns
        ],
        "filters": [],
    }


def prometheus(expression: str, legend: str = "", *, ref: str = "A", now: bool = False) -> Json:
    """A series per label set, named by `legend`; `now`: only as of the end of the time shown."""
    return {
        "refId": ref,
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "expr": expression,
        "legendFormat": legend or "__auto",
        "instant": now,
        "range": not now,
        "format": "table" if now and not legend else "time_series",
    }


def series(columns: Sequence[tuple[str, str]]) -> Json:
    """Columns of the topic's series over the time shown; empty panes are zeros."""
    typed = [("t", "Time", TIME), *((name, title, NUMBER) for name, title in columns)]
    return infinity(
        f"{TOPIC}/series?{NAMESPACE}&{SPAN}&resolution=auto&format=csv", typed, kind="csv"
    )


def choice(name: str, label: str, url: str, selector: str, *, root: str = "") -> Json:
    """A variable whose values an address lists, asked again with every change of the time."""
    query = infinity(url, [(selector, name, TEXT)], root=root)
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": API,
        "query": {
            "queryType": "infinity",
            "query": "",
            "infinityQuery": {**query, "refId": "variable"},
        },
        "refresh": 2,
        "sort": 0,
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "skipUrlSync": False,
        "options": [],
        "current": {"text": "", "value": ""},
    }


def options(name: str, label: str, values: Sequence[str], chosen: str) -> Json:
    """A variable with fixed values."""
    return {
        "name": name,
        "label": label,
        "type": "custom",
        "query": ",".join(values),
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "skipUrlSync": False,
        "options": [{"text": v, "value": v, "selected": v == chosen} for v in values],
        "current": {"text": chosen, "value": chosen},
    }


NAMESPACES: Final = choice("namespace", "Namespace", f"{BASE}/namespaces", "name")
WINDOW: Final = options("window", "Window", ("1m", "5m", "15m", "1h", "24h"), "15m")


def marks(tags: Sequence[str], name: str, colour: str) -> Json:
    """Annotations of Grafana's own that carry all of `tags`; off until somebody wants them."""
    return {
        "name": name,
        "datasource": GRAFANA,
        "enable": False,
        "hide": False,
        "iconColor": colour,
        "target": {
            "refId": "Anno",
            "type": "tags",
            "tags": list(tags),
            "matchAny": False,
            "limit": 100,
        },
    }


def marks_of(query: Mapping[str, Any], name: str, colour: str) -> Json:
    """Annotations from our API: columns named time, timeEnd, title and text."""
    return {
        "name": name,
        "datasource": API,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "target": dict(query),
    }
