"""The Lua scripts of the store, and how they are called.

A *session* marks the server that we know. Scripts that must not run on a
server restored from an older copy, or promoted from a replica, carry the
session's name in their text. Redis keeps loaded scripts in memory alone, so
such a server does not know them and refuses: that is how we notice
(`Rewound`), at no cost per call. Plain scripts are loaded again where missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final
from uuid import uuid4

from services.errors import Rewound
from services.store.client import Client, ScriptMissing

GUARDED: Final = ("apply", "progress", "forget")
SHARED: Final = {"roll": "sums", "glance": "sums"}
"""By script, the file whose functions it uses: a script can't import, so the two are joined."""


@cache
def source(name: str) -> str:
    """The text of `lua/<name>.lua`, behind what it shares with others."""
    folder = files("services.store") / "lua"
    parts = (SHARED[name], name) if name in SHARED else (name,)
    return "".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in parts)


def _sha(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Scripts on one server or cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._guarded: dict[str, str] = {}

    def begin_session(self) -> None:
        """Trust the server as it is now. What we know of it must be read after this."""
        session = uuid4().hex
        loaded = {}
        for name in GUARDED:
            text = f"{source(name)}-- session {session}\n"
            self._client.on_primaries("SCRIPT", "LOAD", text)
            loaded[name] = _sha(text)
        self._guarded = loaded

    def guarded(self, name: str, key: str, *arguments: Any) -> tuple[Any, ...]:
        """The command that runs a guarded script on the keys in `key`'s slot."""
        if name not in self._guarded:
            raise Rewound("no session with the store yet")
        return ("EVALSHA", self._guarded[name], 1, key, *arguments)

    def run_guarded(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run commands of `guarded`, together; `Rewound` if the server is another one."""
        try:
            return self._client.pipe(commands)
        except ScriptMissing as error:
            self._guarded = {}
            raise Rewound("the store was restarted, restored, or failed over") from error

    def run(self, name: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run a plain script once per call (key, argument, …), together."""
        text = source(name)
        sha = _sha(text)
        commands = [("EVALSHA", sha, 1, *call) for call in calls]
        try:
            return self._client.pipe(commands)
        except ScriptMissing:
            self._client.on_primaries("SCRIPT", "LOAD", text)
            return self._client.pipe(commands)
