"""JSON of strangers, decoded fast where it is well-formed and patiently where it is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from services.errors import BadRecord
from services.ingest.text import sound_json

T = TypeVar("T")
BOM = b"\xef\xbb\xbf"
SHOWN = 200
LARGE = 1 << 20
OBJECT, LIST = 32, 16
"""Bytes: where those of a large text are smaller on average it holds no posts, and would take a
hundred times its size in memory."""
_BLANK = re.compile(r"[ \t\r\n]*")
_elements = json.JSONDecoder(strict=False)


class JsonDecoder(Generic[T]):
    """Decodes into `kind`; a field that is not declared is skipped without being built."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._fast = msgspec.json.Decoder(kind)

    def decode(self, data: bytes) -> T:
        """The value, or `BadRecord`: malformed_json, invalid_utf8, nested_too_deep, wrong_shape,
        too_many_objects."""
        if len(data) > LARGE and _crowded(data):
            raise BadRecord("too_many_objects", f"nearly nothing but brackets, {len(data)} bytes")
        try:
            return self._fast.decode(data)
        except msgspec.ValidationError as error:
            raise BadRecord("wrong_shape", str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._patient(data)
        except RecursionError as error:
            raise BadRecord("nested_too_deep", "objects nested deeper than any post") from error

    def _patient(self, data: bytes) -> T:
        """What the fast decoder refuses and platforms yet send: lone surrogates, NaN, a BOM."""
        value = patient(data)
        try:
            return msgspec.convert(value, self._kind)
        except msgspec.ValidationError as error:
            raise BadRecord("wrong_shape", str(error)) from error


def _crowded(data: bytes) -> bool:
    return data.count(b"{") * OBJECT > len(data) or data.count(b"[") * LIST > len(data)


def patient(data: bytes) -> object:
    """Any JSON value, strings made sound; the errors of `JsonDecoder.decode`."""
    try:
        return sound_json(json.loads(data.removeprefix(BOM).decode(), strict=False))
    except UnicodeDecodeError as error:
        raise BadRecord("invalid_utf8", f"byte {error.start}: {error.reason}") from error
    except RecursionError as error:
        raise BadRecord("nested_too_deep", "objects nested deeper than any post") from error
    except ValueError as error:
        raise BadRecord("malformed_json", f"{error}, in {data[:SHOWN]!r}") from error


def elements(data: bytes) -> Iterator[bytes]:
    """What an array of JSON holds, one at a time, so that an array of nothings takes no more memory
    than its text. Those before a mistake are there; `BadRecord` then says what it is."""
    try:
        text = data.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise BadRecord("invalid_utf8", f"byte {error.start}: {error.reason}") from error
    at = _behind(text, _behind(text, 0, "["), "")
    while not text.startswith("]", at):
        try:
            _, end = _elements.raw_decode(text, at)
        except RecursionError as error:
            raise BadRecord("nested_too_deep", "objects nested deeper than any post") from error
        except ValueError as error:
            raise BadRecord("malformed_json", f"{error}, in {text[at:][:SHOWN]!r}") from error
        yield text[at:end].encode()
        at = _behind(text, end, "")
        if not text.startswith("]", at):
            at = _behind(text, at, ",")
    if _behind(text, at, "]") < len(text):
        raise BadRecord("malformed_json", "more behind the end of the array")


def _behind(text: str, at: int, sign: str) -> int:
    """Behind white space, `sign` and white space; `BadRecord` where that is not what comes."""
    blank = _BLANK.match(text, at)
    at = blank.end() if blank else at
    if not text.startswith(sign, at):
        raise BadRecord("malformed_json", f"no '{sign}' at character {at}")
    blank = _BLANK.match(text, at + len(sign))
    return blank.end() if blank else at
