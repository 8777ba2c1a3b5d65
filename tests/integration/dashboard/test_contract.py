"""The API against its own description: whatever is asked, it answers as it says it does."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from services.dashboard import schemas
from tests.integration.dashboard.harness import NS, Site
from tests.integration.dashboard.test_posts import feed_hostile
from tests.scores import START_MS

pytestmark = pytest.mark.integration

KNOWN = {
    "namespace": [NS, "live", "none"],
    "topic": ["a brand & co", "none"],
    "id": ["bluesky:did:plc:abc/3k..", "x:2", "one"],
    "number": ["0", "3"],
    "created_at_ms": [str(START_MS + 5_000), str(START_MS + 6_000), "0"],
    "from": [str(START_MS), "0"],
    "to": [str(START_MS + 60_000), str(START_MS + 1)],
}
ODD = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["", "0", "-1", "null", "NaN", "..", "%00", "\r\nX: y", "*", "[", "{}", "1e3"]),
)
STATUSES = {200, 404, 422}


@pytest.fixture
def described(site: Site) -> Any:
    feed_hostile(site)
    return site.json("openapi.json")


def values(parameter: Any, tame: bool) -> st.SearchStrategy[str | None]:
    """Those that its description allows, and odd ones where not `tame`; None leaves it out."""
    schema = parameter["schema"]
    offered = [*schema.get("enum", []), *KNOWN.get(parameter["name"], [])]
    for part in schema.get("anyOf", []):
        offered += part.get("enum", [])
    numbers = st.integers(schema.get("minimum", 1), schema.get("maximum", 100)).map(str)
    plain = numbers if schema.get("type") == "integer" else st.sampled_from(["a", "brand"])
    good = st.sampled_from(offered) if offered else plain
    left_out: st.SearchStrategy[str | None] = st.none() if not parameter["required"] else good
    return st.one_of(good, left_out) if tame else st.one_of(good, good, left_out, ODD)


def request(data: st.DataObject, path: str, operation: Any) -> str:
    query, tame = [], data.draw(st.booleans(), label="tame")
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "header":
            continue
        value = data.draw(values(parameter, tame), label=parameter["name"])
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(value or "x", safe=""))
        elif value is not None:
            query.append(f"{parameter['name']}={quote(value, safe='')}")
    return path + ("?" + "&".join(query) if query else "")


def model_of(operation: Any) -> str:
    content = operation["responses"]["200"].get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", schema.get("items", {}).get("$ref", ""))).rpartition("/")[2]


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_is_asked(site: Site, described: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([p for p in described["paths"] if "events" not in p]))
    operation = described["paths"][path]["get"]
    answer = site.client.get(request(data, path, operation))
    event(str(answer.status_code))
    assert answer.status_code in STATUSES, answer.text
    media = answer.headers["content-type"]
    if answer.status_code != 200:
        assert media == "application/problem+json"
        assert schemas.Problem.model_validate(answer.json()).status == answer.status_code
    elif media == "application/json" and (name := model_of(operation)):
        found = answer.json()
        for document in found if isinstance(found, list) else [found]:
            getattr(schemas, name).model_validate(document, strict=True)
