"""Panels as Grafana's dashboards hold them, and how they are laid out on its grid of 24 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]
Matched = tuple[str, Json]
"""A field's title, and what is set for it alone."""

COLUMNS: Final = 24
NEGATIVE, NEUTRAL, POSITIVE = "semi-dark-orange", "#8f8f8f", "semi-dark-blue"
"""Told apart by those who don't tell red from green, in light and dark."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `defaults` and `fields` are Grafana's fieldConfig: of all fields, of one each."""

    title: str
    kind: str
    targets: Sequence[Json]
    width: int = 12
    height: int = 8
    description: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fields: Sequence[Matched] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    transformations: Sequence[Json] = ()

    def to_json(self, number: int, x: int, y: int) -> Json:
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": self.targets[0]["datasource"],
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": list(self.targets),
            "fieldConfig": {
                "defaults": dict(self.defaults),
                "overrides": [_override(title, made) for title, made in self.fields],
            },
            "options": dict(self.options),
            "transformations": list(self.transformations),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and the panels below it, from left to right and on."""

    title: str
    panels: Sequence[Panel]


def layout(rows: Iterable[Row]) -> list[Json]:
    """Panels with their ids and places: as many side by side as fit, rows below each other."""
    made: list[Json] = []
    y = 0
    for row in rows:
        made.append(_heading(row.title, len(made) + 1, y))
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            made.append(panel.to_json(len(made) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def _heading(title: str, number: int, y: int) -> Json:
    place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _override(title: str, made: Json) -> Json:
    properties = [{"id": name, "value": value} for name, value in made.items()]
    return {"matcher": {"id": "byName", "options": title}, "properties": properties}


# Kinds of panels.


def stat(title: str, target: Json, **changed: Any) -> Panel:
    """One figure (or one a series), large."""
    unit = _taken(changed)
    defaults = {
        **unit,
        "thresholds": changed.pop("thresholds", None) or steps(changed.pop("limits", ())),
        "mappings": changed.pop("mappings", []),
        "noValue": changed.pop("none", "–"),
    }
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
    }
    size = {"width": 4, "height": 4, **changed}
    return Panel(title, "stat", [target], defaults=defaults, options=options, **size)


def graph(title: str, *targets: Json, **changed: Any) -> Panel:
    """Lines over time; `bars=True`: stacked bars."""
    bars = changed.pop("bars", False)
    unit = _taken(changed)
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "linear",
        "lineWidth": 0 if bars else 1,
        "fillOpacity": 80 if bars else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if bars else "none", "group": "A"},
        "axisPlacement": "auto",
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    defaults = {**unit, "custom": custom, "noValue": "–"}
    return Panel(title, "timeseries", list(targets), defaults=defaults, options=options, **changed)


def _taken(changed: Json) -> Json:
    """What belongs to a field's defaults, taken out of `changed`."""
    return {k: changed.pop(k) for k in ("unit", "decimals", "min", "max") if k in changed}


def table(title: str, target: Json, *, sort: str = "", **changed: Any) -> Panel:
    """Rows; `sort` names the column they are in order of, greatest first."""
    options = {
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": sort, "desc": True}] if sort else [],
    }
    return Panel(title, "table", [target], options=options, **changed)


def bars(title: str, target: Json, *, unit: str, label: str, value: str, **changed: Any) -> Panel:
    """Bars side by side: a row of the table each, named by the column `label`."""
    options = {
        "orientation": "horizontal",
        "displayMode": "basic",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "left",
        "minVizHeight": 12,
        "reduceOptions": {"calcs": [], "fields": f"/^{value}$/", "values": True, "limit": 15},
    }
    defaults = {
        "unit": unit,
        "min": 0,
        "displayName": f"${{__data.fields.{label}}}",
        **changed.pop("defaults", {}),
    }
    return Panel(title, "bargauge", [target], defaults=defaults, options=options, **changed)


def steps(limits: Sequence[tuple[float, str]]) -> Json:
    """Colours from these values on; below them, the text's own."""
    first = [{"color": "text", "value": None}]
    return {"mode": "absolute", "steps": [*first, *({"color": c, "value": v} for v, c in limits)]}


def words(of: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Values shown as a word in a colour: value -> (word, colour)."""
    made = {
        value: {"text": word, "color": colour, "index": index}
        for index, (value, (word, colour)) in enumerate(of.items())
    }
    return [{"type": "value", "options": made}]


def paint(colour: str) -> Json:
    """One field in one colour."""
    return {"color": {"mode": "fixed", "fixedColor": colour}}


def linked(title: str, url: str, *, elsewhere: bool = False) -> Json:
    """A cell that leads somewhere."""
    return {"links": [{"title": title, "url": url, "targetBlank": elsewhere}]}


def dashboard(
    uid: str,
    title: str,
    rows: Iterable[Row],
    *,
    description: str,
    variables: Sequence[Json] = (),
    annotations: Sequence[Json] = (),
    since: str = "now-6h",
    refresh: str = "30s",
) -> Json:
    """A whole dashboard in the classic schema, which every Grafana since 11 reads."""
    tag = "undertone"
    links = {
        "type": "dashboards",
        "title": "Undertone",
        "tags": [tag],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [tag],
        "timezone": "browser",
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": since, "to": "now"},
        "refresh": refresh,
        "links": [links],
        "templating": {"list": list(variables)},
        "annotations": {"list": list(annotations)},
        "panels": layout(rows),
    }
