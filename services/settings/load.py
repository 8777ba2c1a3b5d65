"""Bring the settings together from file, environment and command line; explain what is wrong."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from services.errors import UsageError
from services.settings.model import PREFIX, SECRETS, Settings

DEFAULT_FILE: Final = Path("undertone.toml")
CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
OF_TESTS: Final = frozenset({f"{PREFIX}REQUIRE_SERVERS", f"{PREFIX}LONG_TESTS"})
NOT_SETTINGS: Final = OF_TESTS | {CONFIG_VARIABLE}
"""Variables with our prefix that are no settings: where the file is, and those of the tests."""

SERVICE_LINK: Final = re.compile(r"(_SERVICE_HOST|_SERVICE_PORT\w*|_PORT|_PORT_\d+_\w+)$")
"""What Kubernetes puts into the environment for a service named `undertone-…`."""


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings from everywhere; `overrides` are the command line's (None: not given there).

    `UsageError` lists everything that is wrong, each with where it was said.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if on_line := [name for name in SECRETS if name in given]:
        raise UsageError(f"{on_line[0]} may not come from the command line")
    path = _config_file(config)
    _refuse_unknown(given, "the command line")
    from_file = _read_toml(path) if path else {}
    _refuse_unknown(from_file, str(path))
    from_env = _environment()
    try:
        return _with_file(path)(**given)
    except ValidationError as error:
        places = [
            (from_file, str(path)),
            ({k[len(PREFIX) :].lower(): v for k, v in from_env.items()}, "environment"),
            (given, "command line"),
        ]
        raise UsageError("\n".join(_explain(e, places) for e in error.errors())) from None


def _with_file(path: Path | None) -> type[Settings]:
    """The model bound to one TOML file: pydantic-settings takes the path from the class."""
    return type(
        "Settings",
        (Settings,),
        {"model_config": SettingsConfigDict(toml_file=path), "__module__": __name__},
    )


def _config_file(config: Path | None) -> Path | None:
    named = config or (Path(p) if (p := os.environ.get(CONFIG_VARIABLE)) else None)
    if named and not named.is_file():
        raise UsageError(f"there is no settings file {named}")
    return named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: can't be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from error


def _environment() -> dict[str, str]:
    """Our variables, refused where unknown."""
    found = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX) and name.upper() not in NOT_SETTINGS
    }
    known = {f"{PREFIX}{field}".upper() for field in Settings.model_fields}
    for name in found:
        if name.upper() not in known and not SERVICE_LINK.search(name):
            raise UsageError(f"environment: unknown variable {name}{_nearest(name.upper(), known)}")
    return {name: value for name, value in found.items() if name.upper() in known and value}


def _refuse_unknown(given: Mapping[str, Any], place: str) -> None:
    for name in given:
        if name not in Settings.model_fields:
            raise UsageError(
                f"{place}: unknown key '{name}'{_nearest(name, Settings.model_fields)}"
            )


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


_USER: Final = re.compile(r"(?<=//).*@", re.DOTALL)
"""Name and password in an address."""


def _explain(error: Any, places: list[tuple[dict[str, Any], str]]) -> str:
    """One line for one of pydantic's errors; the value is left out where it may be a secret."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    place = next((p for values, p in reversed(places) if name in values), "default")
    secret = name in SECRETS or "password" in message
    found = "" if secret else f", found {_USER.sub('…@', repr(error['input']))}"
    return f"{name} (from {place}): {message[:1].lower()}{message[1:]}{found}"
