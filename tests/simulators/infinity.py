"""How Grafana and the Infinity plugin get a table from a query: variables, request, parser.

After the plugin's `pkg/infinity/request.go` (the address is the data source's and the query's,
one behind the other, its parameters parsed and written anew) and jsonframer (`root_selector` and
each column's `selector` are paths with dots; no root means that the answer is one row).
"""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

Json = dict[str, Any]
Row = dict[str, Any]


def filled(text: str, variables: Mapping[str, str]) -> str:
    """As Grafana's templates do it: `${name}` plainly, `${name:percentencode}` for an address."""

    def value(match: re.Match[str]) -> str:
        plain = variables[match[1]]
        return quote(plain, safe="") if match[2] == ":percentencode" else plain

    return re.sub(r"\$\{([\w.]+)(:\w+)?\}", value, text)


def rows(source: Json, query: Json, variables: Mapping[str, str]) -> list[Row]:
    """The table that a panel is drawn from. `HTTPError` where the API refuses."""
    url = source["url"] + filled(query["url"], variables)
    assert any(url.startswith(host) for host in source["jsonData"]["allowedHosts"]), url
    found = urlsplit(url)
    url = found._replace(query=urlencode(parse_qsl(found.query))).geturl()
    token = source.get("secureJsonData", {}).get("bearerToken", "")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    columns = [(filled(c["selector"], variables), c["text"], c["type"]) for c in query["columns"]]
    if query["type"] == "csv":
        read = csv.DictReader(io.StringIO(text, newline=""))
        return [{title: _typed(row[name], kind) for name, title, kind in columns} for row in read]
    root = _at(json.loads(text), query["root_selector"])
    items = root if isinstance(root, list) else [root]
    return [{title: _typed(_at(i, name), kind) for name, title, kind in columns} for i in items]


def _at(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _typed(value: Any, kind: str) -> Any:
    """`ValueError` for what a column can't hold."""
    if value is None or value == "":
        return None
    return str(value) if kind == "string" else float(value)
