"""What an archive holds, told by its content; names and extensions are not asked."""

from __future__ import annotations

import msgspec

from services.errors import BadRecord
from services.ingest.formats.json_text import BOM, patient
from services.ingest.formats.tabular import Columns

TWITTER_V1, TWITTER_V2 = "twitter_v1", "twitter_v2"
JETSTREAM, MASTODON = "jetstream", "mastodon"
CSV, JSONL, PARQUET = "csv", "jsonl", "parquet"
FORMATS = (TWITTER_V1, TWITTER_V2, JETSTREAM, MASTODON, CSV, JSONL, PARQUET)
"""What `--format` can name."""

LINES, DOCUMENT = "lines", "document"
DELIMITERS = ",;\t|"
PICTURES = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"RIFF",
    b"\0\0\0 ftyp",
    b"\0\0\0\x18ftyp",
)
"""How pictures and films begin: they lie among archives, and are no archives."""

_OF_V2 = {"author_id", "edit_history_tweet_ids", "conversation_id", "public_metrics", "__twarc"}
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


def layout(head: bytes, told: str) -> str:
    """How the bytes that begin with `head` are to be cut: lines, document, csv or parquet.

    A document is JSON over several lines, or one array.
    """
    if head.startswith(b"PAR1"):
        return PARQUET
    text = head.removeprefix(BOM).lstrip()
    if told == CSV or (not told and delimiter(head) and not text.startswith((b"{", b"["))):
        return CSV
    if text.startswith(b"["):
        return DOCUMENT
    first, newline, rest = text.partition(b"\n")
    if text.startswith(b"{") and newline and _goes_on(first, rest):
        return DOCUMENT
    return LINES


def _goes_on(first: bytes, rest: bytes) -> bool:
    """Whether a first line is only the beginning of an object: `{`, or `{ "statuses": [`."""
    if rest.lstrip().startswith(b"{") and first.rstrip().endswith(b"}"):
        return False
    try:
        patient(first)
    except BadRecord as error:
        opens = first.rstrip().endswith((b"{", b"[", b","))
        return error.reason == "malformed_json" and opens and not first.rstrip().endswith(b"},")
    return False


def delimiter(head: bytes, columns: Columns | None = None) -> str:
    """What parts the header of a table, or "" where the first line is none that we know."""
    first = head.removeprefix(BOM).partition(b"\n")[0][:10_000]
    try:
        line = first.decode()
    except UnicodeDecodeError:
        return ""
    best = max(DELIMITERS, key=line.count)
    names = [name.strip().strip('"') for name in line.split(best)]
    try:
        (columns or Columns({})).of(names)
    except BadRecord as error:
        return best if error.reason == "missing_column" and _looks_named(names) else ""
    return best


def _looks_named(names: list[str]) -> bool:
    """A header whose meaning is yet to be told: several short identifiers."""
    return len(names) > 1 and all(name.replace(" ", "_").isidentifier() for name in names)


def json_format(line: bytes, columns: Columns) -> str:
    """The format of a line of JSON, or "" where this line does not tell."""
    try:
        found = _objects.decode(line)
        keys = set(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        keys = _patient_keys(line)
    if columns.told:
        return JSONL if keys else ""
    return _by_keys(keys, columns)


def _patient_keys(line: bytes) -> set[str]:
    try:
        value = patient(line)
    except BadRecord:
        return set()
    return set(value) if isinstance(value, dict) else set()


def _by_keys(keys: set[str], columns: Columns) -> str:
    if {"did", "kind"} <= keys or {"did", "commit"} <= keys:
        return JETSTREAM
    if "statuses" in keys or "delete" in keys:
        return TWITTER_V1
    if "id_str" in keys and keys & {"text", "full_text", "user"}:
        return TWITTER_V1
    if {"content", "account"} <= keys or {"event", "payload"} <= keys:
        return MASTODON
    if "data" in keys or ({"id", "text"} <= keys and keys & _OF_V2):
        return TWITTER_V2
    try:
        columns.of(keys)
    except BadRecord:
        return ""
    return JSONL
