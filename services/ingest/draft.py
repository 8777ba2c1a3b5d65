"""What the formats make of a platform's objects, before topics and pictures are known."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from services.errors import BadRecord
from services.records import POST


class Media(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One picture as a post names it. `data` is there only where the archive holds the bytes."""

    url: str = ""
    key: str = ""
    alt: str = ""
    data: bytes | None = None


class Draft(msgspec.Struct, frozen=True, array_like=True, tag="draft", gc=False):
    """One post, whichever platform it is from; also what a topic query is matched against.

    `created_at_ms` is milliseconds since 1970 UTC, None where the platform did not say;
    `arrived_at_ms` is when the recorder had it, 0 where that is not recorded.
    `author` is unique over platforms, `author_name` is what `from:` names.
    """

    id: str
    platform: str
    created_at_ms: int | None
    text: str
    author: str = ""
    author_name: str = ""
    lang: str = ""
    kind: str = POST
    url: str = ""
    original_id: str = ""
    media: tuple[Media, ...] = ()
    arrived_at_ms: int = 0
    topics: tuple[str, ...] = ()
    """What it matched, once that is known."""


class Gone(msgspec.Struct, frozen=True, array_like=True, tag="gone", gc=False):
    """The platform says that the post `id` was deleted; `at_ms` is None where it does not say."""

    id: str
    at_ms: int | None = None


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """Something that can't be read, with where it stands and its original bytes."""

    file: str
    member: str
    line: int
    reason: str
    message: str
    value: bytes

    @property
    def place(self) -> str:
        """`archive.tar.gz, 2018/03.jsonl, line 17`."""
        where = f"{self.file}, {self.member}" if self.member else self.file
        return f"{where}, line {self.line}" if self.line else where


Item: TypeAlias = Draft | Gone | Refused
"""What a source makes of its input."""

Parsed: TypeAlias = Draft | Gone | BadRecord
"""One thing found on a line. A line can hold many posts, of which some are bad."""

MAX_PICTURES = 4
