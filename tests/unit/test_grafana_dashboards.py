"""The dashboards hold together: with their files, with our API, with our metrics, with Grafana."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from services import pipeline
from services.dashboard.app import create_app
from services.dashboard.backend import Backend
from services.dashboard.schemas import Points
from services.grafana.dashboards import dashboards, digest, file_name, written
from services.grafana.panels import COLUMNS
from services.grafana.queries import API, API_UID, GRAFANA, PROMETHEUS, PROMETHEUS_UID
from services.store.client import Client
from services.store.store import Store
from tests.unit.prometheus_names import check_expression

Json = dict[str, Any]
FILES = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
BOARDS = dashboards()
BUILT_IN = {"__from", "__to", "__value.raw", "__url_time_range", "__rate_interval"}
BY_NAME = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["uid"])


def panels(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Json) -> Iterator[Json]:
    """Of panels, variables and annotations."""
    for panel in panels(board):
        yield from panel["targets"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield {**variable["query"]["infinityQuery"], "datasource": variable["datasource"]}
    for annotation in board["annotations"]["list"]:
        yield {**annotation["target"], "datasource": annotation["datasource"]}


# -- the files -------------------------------------------------------------------------


def test_the_files_are_the_definition() -> None:
    """Else: python -m services.grafana.dashboards deploy/grafana/dashboards"""
    assert {path.name for path in FILES.glob("*.json")} == {file_name(board) for board in BOARDS}
    for board in BOARDS:
        assert (FILES / file_name(board)).read_text("utf-8") == written(board)


def test_a_digest_is_of_all_of_it() -> None:
    changed = json.loads(json.dumps(BOARDS[0]))
    assert digest(changed) == digest(BOARDS[0])
    changed["panels"][-1]["title"] += "!"
    assert digest(changed) != digest(BOARDS[0])


# -- Grafana's rules -------------------------------------------------------------------


@BY_NAME
def test_ids_are_unique_and_panels_lie_side_by_side(board: Json) -> None:
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert 0 <= at["x"] <= at["x"] + at["w"] <= COLUMNS
        area = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not area & taken, f"{panel['title']} lies on another panel"
        taken |= area


@BY_NAME
def test_targets_have_letters_and_known_data_sources(board: Json) -> None:
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters), panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {
            panel["datasource"]["uid"]
        }
    for query in queries(board):
        assert query["datasource"] in (API, PROMETHEUS, GRAFANA)


@BY_NAME
def test_every_variable_that_is_used_exists_before_it_is_used(board: Json) -> None:
    names: set[str] = set()
    for variable in board["templating"]["list"]:
        assert _variables(json.dumps(variable["query"])) <= names | BUILT_IN, variable["name"]
        names.add(variable["name"])
    rest = {key: value for key, value in board.items() if key != "templating"}
    used = {name for name in _variables(json.dumps(rest)) if not name.startswith("__data.")}
    assert used <= names | BUILT_IN
    assert names <= used | _variables(json.dumps(board["templating"])), "an idle variable"


def _variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{([\w.]+)(?::\w+)?\}", text)) | set(re.findall(r"\$(\w+)", text))


@BY_NAME
def test_fields_that_are_set_apart_exist(board: Json) -> None:
    for panel in panels(board):
        titles = {
            column["text"] for target in panel["targets"] for column in target.get("columns", [])
        }
        if titles:
            apart = {o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]}
            sorted_by = {by["displayName"] for by in panel["options"].get("sortBy", [])}
            assert apart | sorted_by <= titles, panel["title"]


# -- our API ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api() -> Json:
    """The dashboard's own description of its API. Nothing is connected for it."""
    store = Store(Client.from_url("redis://localhost:1/0"))
    application = create_app(Backend(store, live="live", clock_ms=pipeline.clock_ms))
    inner: Any = application.asgi
    while not hasattr(inner, "openapi"):
        inner = next(v for v in vars(inner).values() if callable(v) and not isinstance(v, type))
    found: Json = inner.openapi()
    return found


@BY_NAME
def test_addresses_and_parameters_are_those_of_the_api(board: Json, api: Json) -> None:
    for query in queries(board):
        if query["datasource"]["uid"] != API_UID:
            continue
        route = _route(query["url"], api)
        known = {p["name"]: p["schema"] for p in route.get("parameters", []) if p["in"] == "query"}
        for name, value in parse_qsl(urlsplit(query["url"]).query):
            assert name in known, f"{query['url']}: no parameter {name}"
            if "${" not in value:
                assert _allowed(value, known[name]), f"{query['url']}: {name}={value}"


@BY_NAME
def test_columns_are_those_of_the_answers(board: Json, api: Json) -> None:
    for query in queries(board):
        if query["datasource"]["uid"] != API_UID:
            continue
        if query["type"] == "csv":
            assert {c["selector"] for c in query["columns"]} <= set(Points.model_fields)
            continue
        answer = _route(query["url"], api)["responses"]["200"]["content"]["application/json"]
        row = _at(answer["schema"], query["root_selector"], api)
        row = row.get("items", row)
        for column in query["columns"]:
            selector = column["selector"].replace("${window}", "15m")
            found = _at(row, selector, api)
            kinds = {k.get("type") for k in found.get("anyOf", [found])} - {"null"}
            wanted = {"string"} if column["type"] == "string" else {"number", "integer"}
            assert kinds <= wanted, f"{query['url']}: {selector} is {kinds}"


def _route(url: str, api: Json) -> Json:
    path = urlsplit(re.sub(r"\$\{[^}]*\}", "x", url)).path
    for known, methods in api["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", known), path):
            found: Json = methods["get"]
            return found
    raise AssertionError(f"{path} is not in the API")


def _allowed(value: str, schema: Json) -> bool:
    for one in schema.get("anyOf", [schema]):
        if "enum" in one:
            return value in one["enum"]
        if one.get("type") == "integer":
            low, high = one.get("minimum", 0), one.get("maximum", 10**13)
            return value.isdecimal() and low <= int(value) <= high
    return True


def _at(schema: Mapping[str, Any], selector: str, api: Json) -> Json:
    """The schema that a dotted path leads to."""
    found: Any = _resolved(schema, api)
    for name in filter(None, selector.split(".")):
        if "properties" in found:
            assert name in found["properties"], f"there is no {selector}"
            found = found["properties"][name]
        else:
            found = found["additionalProperties"]
        found = _resolved(found, api)
    return dict(_resolved(found, api))


def _resolved(schema: Any, api: Json) -> Any:
    if "anyOf" in schema and any("$ref" in one for one in schema["anyOf"]):
        schema = next(one for one in schema["anyOf"] if "$ref" in one)
    if "$ref" in schema:
        return _resolved(api["components"]["schemas"][schema["$ref"].rpartition("/")[2]], api)
    if "items" in schema:
        return {**schema, "items": _resolved(schema["items"], api)}
    return schema


# -- our metrics -----------------------------------------------------------------------


@BY_NAME
def test_expressions_name_metrics_and_labels_that_exist(board: Json) -> None:
    for query in queries(board):
        if query["datasource"]["uid"] == PROMETHEUS_UID:
            legend = re.findall(r"\{\{(\w+)\}\}", query["legendFormat"])
            check_expression(query["expr"], labels=legend)
