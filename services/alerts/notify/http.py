"""One POST to one receiver, and what became of it in the words of `port.py`.

httpcore speaks the protocol. Its connections go to checked addresses alone and end at the
message's deadline, however slowly a server drips. Redirects are not followed, proxies of the
environment not used, and no more than 64 kB of an answer are read.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, Final
from urllib.parse import unquote

import httpcore

from services.alerts.notify.forms import masked, printable
from services.alerts.notify.port import Rejected, TryLater, Uncertain
from services.alerts.notify.reach import Reach, explained, tls_reason
from services.errors import UsageError
from services.net import NotAllowed, Target, parse

MAX_ANSWER: Final = 64 << 10
SHOWN: Final = 200
"""Characters of an answer that an error repeats."""
SHORTEST_SECRET: Final = 8
"""Characters of a part of an address that may be what makes it secret."""
LONGEST_WAIT_S: Final = 3600.0
TEMPORARY: Final = frozenset({408, 425, 429})
HINTS: Final = {
    401: "the credentials are refused",
    403: "the credentials are refused",
    404: "there is nothing at this address: was the webhook removed?",
    410: "there is nothing at this address any more: was the webhook removed?",
    413: "the message is too large for it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


class Http:
    """Posts to one URL for one receiver. `UsageError` for a URL that nobody can post to."""

    def __init__(
        self,
        receiver: str,
        url: str,
        reach: Reach,
        *,
        repeats_are_dropped: bool,
        secrets: Sequence[str] = (),
    ) -> None:
        """`secrets` are never repeated from a server's answer, nor is the URL's path."""
        self._receiver = receiver
        self._reach = reach
        self._repeatable = repeats_are_dropped
        try:
            self._target = parse(url)
        except NotAllowed as error:
            raise UsageError(f"{receiver}: its address can't be used ({error.reason})") from None
        whole = [s for s in (url, self._target.path, *secrets) if len(s) > 1]
        self._secrets = [*whole, *_parts(self._target.path)]

    @property
    def host(self) -> str:
        return self._target.host_header

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer, if it is a good one; else what `port.py` lists."""
        try:
            answer = self._once(body, headers)
        except NotAllowed as error:
            raise TryLater(self._receiver, explained(error)) from None
        except (TimeoutError, httpcore.ConnectTimeout, httpcore.WriteTimeout):
            raise TryLater(self._receiver, f"{self.host} does not answer in time") from None
        except (httpcore.ConnectError, httpcore.WriteError) as error:
            reason = tls_reason(error) or f"can't be reached ({error})"
            raise TryLater(self._receiver, f"{self.host}: {reason}") from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise self._unanswered(self._harmless(str(error)) or type(error).__name__) from None
        return self._judged(answer)

    def _unanswered(self, why: str) -> TryLater | Uncertain:
        """The request left us, and no whole answer came."""
        if self._repeatable:
            return TryLater(self._receiver, f"no answer of {self.host} ({why})")
        return Uncertain(
            self._receiver, f"no answer of {self.host} ({why}): it may have the message"
        )

    def _once(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        target, limit_s = self._target, self._reach.timeout_s
        backend = _Backend(self._reach, monotonic() + limit_s)
        sent = {
            "Host": target.host_header,
            "User-Agent": "undertone/0.1",
            "Accept": "*/*",
            "Content-Length": str(len(body)),
        }
        with (
            httpcore.ConnectionPool(
                ssl_context=self._reach.tls, network_backend=backend, max_keepalive_connections=0
            ) as pool,
            pool.stream(
                "POST",
                _url(target),
                headers=_fields({**sent, **headers}),
                content=body,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write"), limit_s)},
            ) as response,
        ):
            found = bytearray()
            for chunk in response.iter_stream():
                found += chunk
                if len(found) > MAX_ANSWER:
                    break
            fields = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
            return Answer(response.status, fields, found.decode("utf-8", "replace"))

    def _judged(self, answer: Answer) -> Answer:
        status = answer.status
        if 200 <= status < 300:
            return answer
        said = f"{self.host} answers {status}{self._quoted(answer.text)}"
        if 300 <= status < 400:
            raise Rejected(self._receiver, f"{said}: redirects are not followed")
        if status == 504 and not self._repeatable:
            raise self._unanswered("its gateway gave up")
        if status in TEMPORARY or status >= 500:
            raise TryLater(self._receiver, said, retry_after_s(answer.headers))
        hint = HINTS.get(status)
        raise Rejected(self._receiver, f"{said}: {hint}" if hint else said)

    def _quoted(self, text: str) -> str:
        text = self._harmless(text)
        return f" ({text})" if text and not text.startswith("<") else ""

    def _harmless(self, text: str) -> str:
        """What a server said, which may be what we sent it: without secrets, in one short line."""
        return printable(masked(text, self._secrets))[:SHOWN]


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks us to wait (RFC 9110, 10.2.3), an hour at most; 0 if none."""
    given = headers.get("retry-after", "").strip()
    try:
        seconds = float(given)
    except ValueError:
        try:
            now = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            now = datetime.now(UTC)
        try:
            seconds = (parsedate_to_datetime(given) - now).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT_S) if seconds == seconds else 0.0


def _parts(path: str) -> list[str]:
    """What a server may repeat of an address without the rest: its long parts, as they stand
    there and as they are meant."""
    parts = re.split("[/?&=]", path)
    return [p for p in {*parts, *map(unquote, parts)} if len(p) >= SHORTEST_SECRET]


def _fields(headers: Mapping[str, str]) -> list[tuple[bytes | str, bytes | str]]:
    return [(name, value) for name, value in headers.items()]


def _url(target: Target) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )


class _Backend(httpcore.NetworkBackend):
    """Connects to checked addresses only, each operation cut at the deadline."""

    def __init__(self, reach: Reach, deadline: float) -> None:
        self._reach = reach
        self._deadline = deadline
        self._tcp = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectTimeout()
        for address in self._reach.addresses(host, port, _left(self._deadline)):
            try:
                stream = self._tcp.connect_tcp(
                    address, port, _left(self._deadline), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Timed(stream, self._deadline)
        raise failure


class _Timed(httpcore.NetworkStream):
    """A stream on which every operation ends at one deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        if self._deadline <= monotonic():
            raise httpcore.ReadTimeout("it takes too long")
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Timed(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    """Never 0 or less, which to a socket would mean: do not wait at all."""
    return max(0.001, deadline - monotonic())
