"""Times as platforms and tables write them, to milliseconds since 1970 UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from services.errors import BadRecord

EARLIEST_MS = 1_136_073_600_000
"""2006-01-01: before the first of the platforms. What is older is a broken clock."""
AHEAD_MS = 300_000
"""A post may be dated this much after its arrival; clocks differ."""
X_EPOCH_MS = 1_288_834_974_657
"""Ids of X since November 2010 hold the time: milliseconds since this, above 22 other bits."""
X_FIRST_SNOWFLAKE = 29_700_859_247
X_LENGTH = len("Sat Mar 10 14:03:15 +0000 2018")

_WHOLE = re.compile(r"[0-9]{1,19}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


def checked(created_at_ms: int | None, arrived_at_ms: int) -> int:
    """The time, where it can be true; `BadRecord` says why it can't."""
    if created_at_ms is None:
        raise BadRecord("missing_timestamp", "the post does not say when it was written")
    if created_at_ms < EARLIEST_MS:
        raise BadRecord("implausible_timestamp", f"dated {shown(created_at_ms)}, before 2006")
    if created_at_ms > arrived_at_ms + AHEAD_MS:
        message = f"dated {shown(created_at_ms)}, arrived {shown(arrived_at_ms)}"
        raise BadRecord("future_timestamp", message)
    return created_at_ms


def shown(ms: int) -> str:
    """ISO 8601 where the calendar reaches that far, else the number."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"


def from_datetime(moment: datetime) -> int:
    """Exact: no floating point. A time without zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    past = moment - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1000 + past.microseconds // 1000


def from_iso(text: str) -> int:
    """`2022-10-03T17:57:11.000Z` and its kin; `BadRecord` for anything else."""
    try:
        return from_datetime(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise BadRecord("bad_timestamp", f"{text[:60]!r} is no ISO 8601 time") from None


def from_x(text: str) -> int:
    """`Sat Mar 10 14:03:15 +0000 2018`, as API v1.1 writes it."""
    try:
        moment = datetime(
            int(text[26:30]), _MONTHS[text[4:7]], int(text[8:10]),
            int(text[11:13]), int(text[14:16]), int(text[17:19]), tzinfo=UTC,
        )  # fmt: skip
        sign = {"+": 1, "-": -1}[text[20]]
        offset_min = sign * (int(text[21:23]) * 60 + int(text[23:25]))
    except (ValueError, KeyError, IndexError):
        raise BadRecord("bad_timestamp", f"{text[:60]!r} is no time of API v1.1") from None
    return from_datetime(moment) - offset_min * 60_000


def whole(text: str) -> int | None:
    """Digits as ids and times are made of, 64 bits of them; None for anything else (Python's own
    `isdigit` takes `²` too, and `int` no more than 4,300 digits)."""
    return int(text) if _WHOLE.fullmatch(text) else None


def from_snowflake(id_text: str) -> int | None:
    """The time inside an id of X; None for the ids before there was one."""
    number = whole(id_text) or 0
    return (number >> 22) + X_EPOCH_MS if number >= X_FIRST_SNOWFLAKE else None


def from_anything(value: object) -> int | None:
    """A cell of a table: ISO 8601, epoch in s, ms, us or ns (told by size), v1.1's form, a date.

    None where the cell is empty.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return from_datetime(value)
    if isinstance(value, date):
        return from_datetime(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(value)
    text = str(value).strip()
    try:
        return _from_epoch(int(text) if text.lstrip("-").isdigit() else float(text))
    except ValueError:
        of_x = len(text) == X_LENGTH and text[:3].isalpha()
        return from_x(text) if of_x else from_iso(text.removesuffix(" UTC"))


def _from_epoch(number: float) -> int:
    size = abs(number)
    if not size < 1e20:  # also true of NaN
        raise BadRecord("bad_timestamp", f"{number} is no time")
    if size < 1e11:
        return round(number * 1000)
    if size < 1e14:
        return int(number)
    return int(number // 1000) if size < 1e17 else int(number // 1_000_000)
