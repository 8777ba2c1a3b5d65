"""Plain tables: rows of named columns, from CSV, JSON lines or Parquet, to posts.

Which column means what is told (`text=body,created_at=date,image=file`), or
guessed from the usual names. A post needs a text and a time; without an id
column its content makes the id, so that the same row is the same post.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice

import msgspec

from services.errors import BadRecord, UsageError
from services.ingest import times
from services.ingest.draft import MAX_PICTURES, Draft, Media, Parsed
from services.ingest.formats.json_text import JsonDecoder
from services.ingest.text import sound
from services.records import POST, QUOTE, REPLY, REPOST

USUAL: dict[str, tuple[str, ...]] = {
    "text": ("text", "full_text", "tweet", "body", "content", "message", "caption", "post"),
    "created_at": (
        "created_at", "createdat", "created", "created_utc", "timestamp", "datetime", "date",
        "time", "published_at", "published",
    ),
    "id": ("id", "id_str", "tweet_id", "post_id", "status_id", "tweetid", "postid"),
    "author": ("author_id", "user_id", "author", "user"),
    "author_name": ("author_name", "username", "user_name", "screen_name", "handle"),
    "lang": ("lang", "language"),
    "image": (
        "image", "images", "image_url", "image_urls", "media", "media_url", "media_urls",
        "picture", "photo", "photos", "image_path", "filename",
    ),
    "alt": ("alt", "alt_text", "image_alt"),
    "url": ("url", "permalink", "link"),
    "kind": ("kind", "post_type"),
}  # fmt: skip
"""Our field to the names that people give its column, most telling first."""

KINDS = frozenset({POST, REPOST, REPLY, QUOTE})
TABLES, COLUMNS = 1_000, 100
"""Of JSON lines: kinds of line whose columns are remembered, and how many columns such a kind has
at most; objects of more are told anew each time."""
_PARTS = re.compile(r"[\s|;,]+(?=\S)")


class Columns:
    """Which column holds which field."""

    def __init__(self, told: Mapping[str, str]) -> None:
        unknown = sorted(set(told) - set(USUAL))
        if unknown:
            fields = ", ".join(USUAL)
            raise UsageError(
                f"--columns: there is no field {unknown[0]!r}; the fields are {fields}"
            )
        self._told = dict(told)

    @classmethod
    def parse(cls, text: str) -> Columns:
        """From `field=column,field=column`."""
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        bad = [field for field, sign, column in pairs if not sign or not column.strip()]
        if bad:
            raise UsageError(f"--columns: {bad[0]!r} is not of the form field=column")
        return cls({field.strip(): column.strip() for field, _, column in pairs})

    @property
    def told(self) -> Mapping[str, str]:
        return self._told

    def of(self, names: Iterable[str]) -> Table:
        """The columns of a table with these names; `BadRecord` where text or time is missing."""
        by_name = {name.strip().lstrip("\ufeff").lower(): name for name in names}
        found: dict[str, str] = {}
        for field, usual in USUAL.items():
            if field in self._told:
                found[field] = self._exact(field, by_name)
            elif name := next((by_name[name] for name in usual if name in by_name), None):
                found[field] = name
        for needed in ("text", "created_at"):
            if needed not in found:
                columns = ", ".join(by_name.values())[:300]
                message = f"no column for {needed} among {columns}; tell it: --columns {needed}=…"
                raise BadRecord("missing_column", message)
        return Table(found)

    def _exact(self, field: str, by_name: Mapping[str, str]) -> str:
        name = self._told[field]
        known = by_name.get(name.lower())
        if known is None:
            columns = ", ".join(by_name.values())[:300]
            raise BadRecord("missing_column", f"no column {name!r} for {field} among {columns}")
        return known


class Table:
    """Rows to posts, by columns that are known."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = dict(columns)

    def draft(self, row: Mapping[str, object]) -> Draft:
        """`BadRecord` for a row without text or with a time that is none."""
        text = self._cell(row, "text")
        if not isinstance(text, str):
            raise BadRecord("missing_text", "the row has no text")
        created_at_ms = times.from_anything(self._cell(row, "created_at"))
        media = _media(self._cell(row, "image"), self._text(row, "alt"))
        author = self._text(row, "author")
        kind = self._text(row, "kind").lower()
        return Draft(
            id=f"archive:{self._text(row, 'id') or _digest(text, created_at_ms, author, media)}",
            platform="archive",
            created_at_ms=created_at_ms,
            text=sound(text),
            author=author or self._text(row, "author_name"),
            author_name=self._text(row, "author_name") or author,
            lang=self._text(row, "lang"),
            kind=kind if kind in KINDS else POST,
            url=self._text(row, "url"),
            media=media,
        )

    def _cell(self, row: Mapping[str, object], field: str) -> object:
        name = self._columns.get(field)
        return row.get(name) if name is not None else None

    def _text(self, row: Mapping[str, object], field: str) -> str:
        value = self._cell(row, field)
        return sound(str(value)).strip() if value is not None else ""


def _digest(text: str, created_at_ms: int | None, author: str, media: tuple[Media, ...]) -> str:
    parts = (sound(text), str(created_at_ms), author, *(item.url for item in media))
    return blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def _media(value: object, alt: str) -> tuple[Media, ...]:
    """A picture's bytes; or names or URLs, a list of them or one text that parts them."""
    items = value if isinstance(value, list | tuple) else (value,)
    found = (media for item in items for media in _each(item, alt))
    return tuple(islice(found, MAX_PICTURES))


def _each(item: object, alt: str) -> Iterator[Media]:
    if isinstance(item, dict):  # as Hugging Face datasets hold images in Parquet
        item = item.get("bytes") or item.get("path")
    if isinstance(item, bytes):
        yield Media(data=item, alt=alt)
    elif isinstance(item, str):
        yield from (Media(url=name, alt=alt) for name in _named(sound(item).strip()))


def _named(text: str) -> list[str]:
    """The names that stand in one cell."""
    if text.startswith("["):
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.MsgspecError:
            pass  # a list as Python prints it: parted below
    names = (name.strip("[]'\" ") for name in _PARTS.split(text))
    return [name for name in names if name]


class JsonRows:
    """JSON lines with a column map: each line an object; the first one names the columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._decoder = JsonDecoder(dict[str, object])
        self._tables: dict[tuple[str, ...], Table] = {}

    def parse(self, line: bytes) -> list[Parsed]:
        row = self._decoder.decode(line)
        names = tuple(row)
        table = self._tables.get(names)
        if table is None:
            table = self._columns.of(names)
            if len(self._tables) < TABLES and len(names) < COLUMNS:
                self._tables[names] = table
        return [table.draft(row)]
