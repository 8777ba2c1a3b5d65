"""The topics file: read it, say what is wrong and where, notice edits.

topics:
  acme: 'acme OR #acme -jobs'
  rocket boots:
    query: '"rocket boots" lang:en'
    text_only: true     # take posts without a picture too (default: false)
    reposts: false      # leave reposts out (default: true, each counts)
    alerts: []          # its own rules, in place of those for all (`rules.py`)
alerts:                 # rules for every topic that has none of its own
  - kind: negative_share
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from services.errors import UsageError
from services.topics.matcher import Topic, Topics, never_true
from services.topics.parser import parse
from services.topics.query import QueryError
from services.topics.rules import DEFAULT, Rule, read_rules

logger = logging.getLogger(__name__)

NAME: Final = re.compile(r"\w[\w .&+'-]{0,63}")
"""What may be a topic's name: it becomes part of store keys and addresses."""
FLAGS: Final = ("text_only", "reposts")
OPTIONS: Final = ("query", *FLAGS, "alerts")
CHECK_EVERY_S: Final = 1.0


def load_topics(path: Path) -> Topics:
    """The topics of a file. `UsageError` lists every mistake, a line each, with its place."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            f"there is no topics file {path}: name one with --topics FILE "
            "(topics.example.yaml shows how)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: can't be read ({error})") from error
    return parse_topics(text, str(path))


def parse_topics(text: str, name: str) -> Topics:
    """The topics of a file's text; `name` is what error messages call it."""
    mistakes: list[str] = []
    topics: list[Topic] = []
    seen: dict[str, int] = {}
    try:
        root = yaml.SafeLoader(text).get_single_node()
        _check_keys(root)
        common = _rules(_under(root, "alerts"), DEFAULT, f"{name}:{{}}: alerts: ", mistakes)
        for key, value in _entries(root):
            line = key.start_mark.line + 1
            place = f"{name}:{{}}: topic '{key.value}': alerts: "
            try:
                rules = _rules(_under(value, "alerts"), common, place, mistakes)
                topics.append(_topic(key, value, seen, rules))
                seen[key.value] = line
            except ValueError as error:
                mistakes.append(f"{name}:{line}: topic '{key.value}'{_joint(error)}{error}")
    except ValueError as error:
        mistakes.append(f"{name}: {error}")
    except yaml.YAMLError as error:
        mistakes.append(_yaml_mistake(error, text, name))
    except RecursionError:
        mistakes.append(f"{name}: nested too deeply")
    if mistakes:
        raise UsageError("\n".join(mistakes))
    return Topics(topics)


def _joint(error: ValueError) -> str:
    return ", " if isinstance(error, QueryError) else ": "


def _entries(root: Any) -> Iterator[tuple[Any, Any]]:
    """Names and what stands under them, as nodes, which know their lines."""
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("expected 'topics:' and below it a line 'name: query' for each topic")
    if [key.value for key, _ in root.value] == ["alerts"]:
        raise ValueError("expected 'topics:' beside 'alerts:'")
    for key, value in root.value:
        if key.value == "alerts":
            continue
        if key.value != "topics":
            raise ValueError(
                f"line {key.start_mark.line + 1}: expected 'topics', found '{key.value}'"
            )
        if not isinstance(value, yaml.MappingNode) or not value.value:
            raise ValueError("expected a line 'name: query' for each topic below 'topics:'")
        yield from value.value


def _check_keys(root: Any) -> None:
    """Every key is a single value: errors name it."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.ScalarNode) or node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"line {key.start_mark.line + 1}: a name is a single value")
            waiting.append(value)


def _under(node: Any, name: str) -> Any:
    """What stands under a key of a mapping; None where there is none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _rules(
    node: Any, default: tuple[Rule, ...], place: str, mistakes: list[str]
) -> tuple[Rule, ...]:
    """The rules there, or `default`; mistakes are added with their line put into `place`."""
    if node is None:
        return default
    return read_rules(
        node,
        lambda at, message: mistakes.append(place.format(at.start_mark.line + 1) + message),
    )


def _topic(key: Any, value: Any, seen: dict[str, int], rules: tuple[Rule, ...]) -> Topic:
    name = key.value
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError("a name has up to 64 letters, digits, spaces and . & + ' - _")
    if name in seen:
        raise ValueError(f"this name stands in line {seen[name]} already")
    given = _given(value)
    options = {**_options(given), "alerts": rules}
    topic = Topic(name, tree=parse(options["query"]), line=key.start_mark.line + 1, **options)
    if contradiction := never_true(topic):
        raise ValueError(f"no post can ever match: {contradiction}")
    return topic


def _given(node: Any) -> dict[str, Any]:
    """Options as they stand there, each a single value: lists of lists by aliases would make a
    few lines of a file more than any memory holds."""
    if isinstance(node, yaml.ScalarNode):
        return {"query": _single(node)}
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("expected a query, or a mapping with 'query' and options")
    given: dict[str, Any] = {}
    for key, value in node.value:
        if key.value == "alerts":
            given[key.value] = None
        elif not isinstance(value, yaml.ScalarNode):
            raise ValueError(f"{key.value[:64]}: expected a single value")
        else:
            given[key.value] = _yes_or_no(value) if key.value in FLAGS else _single(value)
    return given


def _single(node: Any) -> str | None:
    """As it is written: YAML would make a number of 1:30 and a date of 2024-01-01."""
    return None if node.tag.endswith(":null") else str(node.value)


def _yes_or_no(node: Any) -> bool | str:
    """The text itself where it says neither."""
    text = str(node.value)
    is_bool = node.tag.endswith(":bool")
    return yaml.SafeLoader.bool_values.get(text.lower(), text) if is_bool else text


def _options(given: dict[Any, Any]) -> dict[str, Any]:
    for name, value in given.items():
        if name not in OPTIONS:
            raise ValueError(f"unknown option '{name}'; there are {', '.join(OPTIONS)}")
        if name in FLAGS and not isinstance(value, bool):
            raise ValueError(f"{name} is true or false, found {value!r}")
    if given.get("query") is None:
        raise ValueError(
            "it has no query (one that begins with # needs quotation marks for YAML: '#acme')"
        )
    return given


def _yaml_mistake(error: yaml.YAMLError, text: str, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"{name}: not valid YAML: {error}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    hint = (
        " (put the whole query between single quotation marks)"
        if re.search(r"[\"@#]", line)
        else ""
    )
    problem = getattr(error, "problem", None) or "not valid YAML"
    return f"{name}:{mark.line + 1}: column {mark.column + 1}: {problem}{hint}"


class TopicsFile:
    """A topics file that is looked at again when it changes.

    A broken edit keeps the topics that were; `mistake` says so until it is mended.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file. `UsageError` where it is broken from the start."""
        self.path = path
        self.mistake = ""
        self._clock = clock
        self._stamp = self._look()
        self._topics = load_topics(path)
        self._next_check = clock() + CHECK_EVERY_S

    def current(self) -> Topics:
        """The newest topics that could be read; looks at the file once a second at most."""
        now = self._clock()
        if now >= self._next_check:
            self._next_check = now + CHECK_EVERY_S
            if (stamp := self._look()) != self._stamp:
                self._stamp = stamp
                self._reload()
        return self._topics

    def _look(self) -> tuple[int, ...]:
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _reload(self) -> None:
        try:
            self._topics = load_topics(self.path)
        except UsageError as error:
            self.mistake = str(error)
            logger.error("the edited topics file is not used, the topics stay:\n%s", error)
        else:
            self.mistake = ""
            logger.warning("%s was edited: %d topics from now on", self.path, len(self._topics))
