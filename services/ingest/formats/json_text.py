"""JSON of strangers, decoded fast where it is well-formed and patiently where it is not."""

from __future__ import annotations

import json
from typing import Generic, TypeVar

import msgspec

from services.errors import BadRecord
from services.ingest.text import sound_json

T = TypeVar("T")
BOM = b"\xef\xbb\xbf"
SHOWN = 200


class JsonDecoder(Generic[T]):
    """Decodes into `kind`; a field that is not declared is skipped without being built."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._fast = msgspec.json.Decoder(kind)

    def decode(self, data: bytes) -> T:
        """The value, or `BadRecord`: malformed_json, invalid_utf8, nested_too_deep, wrong_shape."""
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
