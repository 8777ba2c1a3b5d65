"""The `alerts` of a topics file: when who is told of a topic.

    alerts:                              # of every topic that has none of its own
      - kind: negative_share             # or negative_volume, sentiment_drop, threshold
        name: mood                       # default: its kind
        false_alarms_per_week: 0.1       # how often a calm topic may wake you
        minimum_posts: 10                # in the detector's long window
        resolves_at: 1.0                 # calm once a calm topic shows this so often a week
        worsens_by: 1.5                  # said again once it is so much farther from the expected
        resolve_after: 15m               # calm for so long, and it is over
        cool_down: 30m                   # nothing new for so long after that
        severity: warning                # info, warning, critical
        quiet_hours: {from: "22:00", to: "07:00", zone: Europe/Berlin}   # critical is told still
        tell: [slack, email]             # default: everybody who is configured
      - kind: threshold
        measure: negative_share          # or negative_volume, posts, mean_score
        above: 0.5                       # or below
        resolves_at: 0.4                 # default: where it opened
        window: 15m

`alerts: []` raises none. Every mistake is named with its line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
import yaml

THRESHOLD: Final = "threshold"
KINDS: Final = ("negative_share", "negative_volume", "sentiment_drop", THRESHOLD)
MEASURES: Final = ("negative_share", "negative_volume", "posts", "mean_score")
SEVERITIES: Final = ("info", "warning", "critical")
RECEIVERS: Final = ("slack", "discord", "webhook", "alertmanager", "email", "grafana", "terminal")
MINUTE_MS: Final = 60_000
LONGEST_WINDOW_MS: Final = 24 * 60 * MINUTE_MS

_NAME: Final = re.compile(r"\w[\w .&+'-]{0,63}")
_DURATION: Final = re.compile(r"(\d{1,6})\s*([mhd])")
_UNITS: Final = {"m": 1, "h": 60, "d": 1440}
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


class QuietHours(msgspec.Struct, frozen=True):
    """Hours of the day, in minutes since midnight there; `stop` before `start` spans midnight."""

    start: int
    stop: int
    zone: str


class Rule(msgspec.Struct, frozen=True):
    """When one alert opens, worsens and resolves, and who is told. See the module."""

    name: str
    kind: Literal["negative_share", "negative_volume", "sentiment_drop", "threshold"]
    severity: Literal["info", "warning", "critical"] = "warning"
    false_alarms_per_week: float = 0.1
    minimum_posts: int = 10
    resolves_at: float | None = None
    """Detector: false alarms a week, ten times `false_alarms_per_week` where None. Threshold: the
    measure, where it opened where None."""
    worsens_by: float = 1.5
    resolve_after_ms: int = 15 * MINUTE_MS
    cool_down_ms: int = 30 * MINUTE_MS
    quiet_hours: QuietHours | None = None
    tell: tuple[str, ...] | None = None
    measure: Literal["negative_share", "negative_volume", "posts", "mean_score"] = "negative_share"
    above: float | None = None
    below: float | None = None
    window_ms: int = 15 * MINUTE_MS


DEFAULT: Final = (Rule("negative_share", "negative_share"),)
"""Where the file says nothing: one alert when the mood turns. What comes in masses while the mood
stays is no reason to wake anybody."""

Report = Callable[[Any, str], None]
"""Takes a mistake: the YAML node, and what is wrong with it."""


def read_rules(node: Any, report: Report) -> tuple[Rule, ...]:
    """The rules under an `alerts:` key."""
    if not isinstance(node, yaml.SequenceNode):
        report(node, "alerts is a list of rules, each with a kind ([] for none)")
        return ()
    rules: dict[str, Rule] = {}
    for item in node.value:
        rule = _rule(item, report)
        if rule is not None and rule.name in rules:
            report(item, f"two rules are named '{rule.name}': give one a name of its own")
        elif rule is not None:
            rules[rule.name] = rule
    return tuple(rules.values())


def _rule(node: Any, report: Report) -> Rule | None:
    """None where it has a mistake."""
    if not isinstance(node, yaml.MappingNode):
        report(node, f"a rule is a mapping with a kind: {', '.join(KINDS)}")
        return None
    mistakes: list[str] = []

    def wrong(at: Any, message: str) -> None:
        mistakes.append(message)
        report(at, message)

    given = _fields(node, wrong)
    kind = given.get("kind")
    if kind is None and not any(m.startswith("kind") for m in mistakes):
        wrong(node, f"a rule needs a kind: {', '.join(KINDS)}")
    if kind is not None:
        _check(node, given, wrong)
    if mistakes:
        return None
    return Rule(**{"name": given["kind"], **given})


def _fields(node: Any, wrong: Report) -> dict[str, Any]:
    """What was given, under the names that `Rule` has."""
    given: dict[str, Any] = {}
    for key, value in node.value:
        found = _FIELDS.get(key.value)
        if found is None:
            close = get_close_matches(str(key.value), list(_FIELDS), n=1, cutoff=0.6)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(_FIELDS)}"
            wrong(key, f"unknown key '{key.value}'; {hint}")
            continue
        name, read = found
        if name in given:
            wrong(key, f"{key.value} stands here twice")
        try:
            given[name] = read(value)
        except ValueError as error:
            wrong(value, f"{key.value}: {error}")
    return given


def _check(node: Any, given: Mapping[str, Any], wrong: Report) -> None:
    """What fits together."""
    plain = given["kind"] == THRESHOLD
    others = ("false_alarms_per_week",) if plain else ("measure", "above", "below", "window_ms")
    for name in others:
        if name in given:
            said = next(key for key, (field, _) in _FIELDS.items() if field == name)
            whose = "detectors" if plain else "kind: threshold"
            wrong(node, f"{said} is for {whose} alone, not for {given['kind']}")
    if plain and ("above" in given) == ("below" in given):
        wrong(node, "a threshold needs one of above and below")
    elif plain:
        _check_limits(node, given, wrong)
    elif "resolves_at" in given and given["resolves_at"] < given.get("false_alarms_per_week", 0.1):
        wrong(node, "resolves_at can't be under false_alarms_per_week: it would end at once")


def _check_limits(node: Any, given: Mapping[str, Any], wrong: Report) -> None:
    measure = given.get("measure", "negative_share")
    low, high = {"negative_share": (0.0, 1.0), "mean_score": (-1.0, 1.0)}.get(
        measure, (0.0, math.inf)
    )
    for name in ("above", "below", "resolves_at"):
        if name in given and not low <= given[name] <= high:
            wrong(node, f"{name}: {measure} lies between {low:g} and {high:g}")
    opens, ends = given.get("above", given.get("below")), given.get("resolves_at")
    if ends is not None and opens is not None:
        if "above" in given and ends > opens:
            wrong(node, "resolves_at can't be greater than above: it would end at once")
        if "below" in given and ends < opens:
            wrong(node, "resolves_at can't be less than below: it would end at once")


# -- one value each, from its node ------------------------------------------------------


def _scalar(node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        raise ValueError("expected a single value")
    return str(node.value).strip()


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(node: Any) -> str:
        value = _scalar(node)
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}, found '{value}'")
        return value

    return read


def _number(low: float, high: float = math.inf) -> Callable[[Any], float]:
    def read(node: Any) -> float:
        text = _scalar(node)
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"expected a number, found '{text}'") from None
        if not low <= value <= high or math.isinf(value):
            bounds = f"of {low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"
            raise ValueError(f"expected a number {bounds}, found {text}")
        return value

    return read


def _count(node: Any) -> int:
    text = _scalar(node)
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise ValueError(f"expected a whole number of 1 or more, found '{text}'")
    return int(text)


def _duration(least: int, most_ms: float = math.inf) -> Callable[[Any], int]:
    """Whole minutes, in ms: what is judged is minutes."""

    def read(node: Any) -> int:
        text = _scalar(node)
        found = _DURATION.fullmatch(text)
        if found is None:
            raise ValueError(f"expected a time like 15m, 2h or 1d, found '{text}'")
        minutes = int(found[1]) * _UNITS[found[2]]
        if minutes < least or minutes * MINUTE_MS > most_ms:
            most = "" if most_ms == math.inf else f" and {most_ms / 3_600_000:g}h at most"
            raise ValueError(f"expected {least}m or more{most}, found '{text}'")
        return minutes * MINUTE_MS

    return read


def _name(node: Any) -> str:
    value = _scalar(node)
    if not _NAME.fullmatch(value):
        raise ValueError("a name has up to 64 letters, digits, spaces and . & + ' - _")
    return value


def _tell(node: Any) -> tuple[str, ...]:
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return tuple(dict.fromkeys(_one_of(*RECEIVERS)(item) for item in items))


def _quiet(node: Any) -> QuietHours:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError('expected {from: "22:00", to: "07:00", zone: Europe/Berlin}')
    given = {key.value: _scalar(value) for key, value in node.value}
    if unknown := sorted(given.keys() - {"from", "to", "zone"}):
        raise ValueError(f"unknown key '{unknown[0]}'; there are from, to, zone")
    if missing := [name for name in ("from", "to", "zone") if name not in given]:
        raise ValueError(f"it lacks '{missing[0]}'")
    start, stop = (_minute_of_day(given[name]) for name in ("from", "to"))
    if start == stop:
        raise ValueError("from and to are the same: leave quiet_hours out, or alerts: []")
    return QuietHours(start, stop, _zone(given["zone"]))


def _minute_of_day(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a time of day like 22:00, found '{text}'")
    return int(found[1]) * 60 + int(found[2])


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called '{name}' (one is Europe/Berlin)") from None
    return name


_FIELDS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "kind": ("kind", _one_of(*KINDS)),
    "name": ("name", _name),
    "severity": ("severity", _one_of(*SEVERITIES)),
    "false_alarms_per_week": ("false_alarms_per_week", _number(1e-6, 1000)),
    "minimum_posts": ("minimum_posts", _count),
    "resolves_at": ("resolves_at", _number(-1)),
    "worsens_by": ("worsens_by", _number(1.01)),
    "resolve_after": ("resolve_after_ms", _duration(1)),
    "cool_down": ("cool_down_ms", _duration(0)),
    "quiet_hours": ("quiet_hours", _quiet),
    "tell": ("tell", _tell),
    "measure": ("measure", _one_of(*MEASURES)),
    "above": ("above", _number(-1)),
    "below": ("below", _number(-1)),
    "window": ("window_ms", _duration(1, LONGEST_WINDOW_MS)),
}
