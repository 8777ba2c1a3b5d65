"""The one file that speaks tweepy: X's filtered stream and rules, search, counts, compliance.

tweepy knows the protocol; it is told not to reconnect by itself, since every new
connection has something to catch up on first. What goes wrong comes out as
`XFailed`, with what kind of pause X wants, or as `UsageError` where only the
operator can help.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import requests
import tweepy
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from services.errors import UsageError
from services.ingest.x_rules import Rule

log = logging.getLogger(__name__)

BUILT_IN = "https://api.twitter.com"
"""What tweepy asks; another address (a proxy, a test) is put in its place."""
FIELDS = {
    "expansions": "author_id,attachments.media_keys,referenced_tweets.id,"
    "referenced_tweets.id.author_id,referenced_tweets.id.attachments.media_keys",
    "tweet_fields": "created_at,lang,public_metrics,referenced_tweets,attachments,note_tweet,"
    "edit_history_tweet_ids,conversation_id",
    "media_fields": "media_key,type,url,alt_text,width,height,preview_image_url",
    "user_fields": "username,name,verified",
}
PAGE = 100
ONE_CONNECTION = (
    "X allows one connection to the filtered stream, and another one is open with this token: "
    "stop the other program, or wait a minute for a connection that broke to be noticed"
)
NETWORK, HTTP, RATE = "network", "http", "rate"


class XFailed(Exception):
    """It did not work this time. `kind` is one of NETWORK, HTTP, RATE."""

    def __init__(self, kind: str, cause: str) -> None:
        super().__init__(cause)
        self.kind, self.cause = kind, cause


class XApi:
    """Calls with one bearer token."""

    def __init__(self, token: SecretStr, api: str = BUILT_IN) -> None:
        self._token, self._api = token, api
        self._client = tweepy.Client(token.get_secret_value(), return_type=requests.Response)
        self._mount(self._client.session)

    def _mount(self, session: requests.Session) -> None:
        if self._api != BUILT_IN:
            session.mount(BUILT_IN, _Elsewhere(self._api))

    def stream(self, line: Callable[[bytes], bool], connected: Callable[[], None]) -> Stream:
        """A connection, not yet open; `line` says of each line whether to go on."""
        stream = Stream(self._token, line, connected)
        self._mount(stream.session)
        return stream

    def rules(self, stream: Stream) -> list[Rule]:
        """All rules that are there, of whoever made them."""
        found = _asked(stream.get_rules).get("data", ())
        return [Rule(rule["value"], rule.get("tag", ""), rule["id"]) for rule in found]

    def remove(self, stream: Stream, rules: Sequence[Rule]) -> None:
        if rules:
            _asked(stream.delete_rules, [rule.id for rule in rules])

    def add(self, stream: Stream, rules: Sequence[Rule]) -> None:
        """Add rules; `UsageError` with X's own words where it refuses one."""
        for start in range(0, len(rules), PAGE):
            new = [tweepy.StreamRule(rule.value, rule.tag) for rule in rules[start : start + PAGE]]
            refused = _asked(stream.add_rules, new).get("errors")
            if refused:
                details = "; ".join(str(e.get("detail") or e.get("title")) for e in refused)
                raise UsageError(f"X refuses a rule: {details}")

    def search(self, query: str, **start: object) -> Iterator[tuple[bytes, Any]]:
        """Pages of recent search, newest first, as bytes and as what they hold."""
        more: dict[str, object] = {}
        while True:
            page = _called(
                self._client.search_recent_tweets,
                query,
                max_results=PAGE,
                **start,
                **FIELDS,
                **more,
            )
            found = page.json()
            yield page.content, found
            token = found.get("meta", {}).get("next_token")
            if not token:
                return
            more = {"next_token": token}

    def compliance_job(self) -> Mapping[str, str]:
        """A new batch compliance job for posts: `id`, `upload_url`, `download_url`."""
        job: Mapping[str, str] = _asked(self._client.create_compliance_job, "tweets")["data"]
        return job

    def compliance_status(self, job: str) -> str:
        """created, in_progress, complete, failed or expired."""
        return str(_asked(self._client.get_compliance_job, job)["data"]["status"])

    def count(self, query: str) -> int:
        """Posts that matched the query in the last seven days; costs no read."""
        found = _asked(self._client.get_recent_tweets_count, query, granularity="day")
        return int(found["meta"]["total_tweet_count"])


class Stream(tweepy.StreamingClient):  # type: ignore[misc]
    """One connection; remembers how it ended instead of trying again."""

    def __init__(
        self, token: SecretStr, line: Callable[[bytes], bool], connected: Callable[[], None]
    ) -> None:
        super().__init__(
            token.get_secret_value(), return_type=requests.Response, max_retries=0, daemon=True
        )
        self._line, self._opened = line, connected
        self._status, self.cause = 0, ""
        self._error: Exception | None = None
        self.session.hooks["response"].append(self._look)

    def run(self, options: Mapping[str, int]) -> str:
        """Read until it ends: the cause, where it was ended by us; else `XFailed`."""
        self.filter(**FIELDS, **options)
        if self._error is not None:
            raise self._error
        if self._status in (400, 401, 403):
            raise UsageError(f"X refuses the stream with {self._status}; check token and plan")
        if self._status:
            raise XFailed(RATE if self._status == 429 else HTTP, self.cause)
        return str(self.cause)

    def end(self, cause: str) -> None:
        """Stop reading at the next line, which comes within twenty seconds."""
        self.cause = cause
        self.disconnect()

    def _look(self, response: requests.Response, **_: Any) -> None:
        """An answer that is an error says more than its status."""
        if response.status_code == 429 and "connection limit" in response.text:
            log.error("X: %s", ONE_CONNECTION)
            self.cause = "connection_limit"

    def on_connect(self) -> None:
        self._opened()

    def on_data(self, raw_data: bytes) -> None:
        if b'"data"' not in raw_data and b'"errors"' in raw_data:
            self._status, self.cause = 503, "operational_disconnect"
            self.disconnect()
        elif not self._line(raw_data):
            self.end("stopped")

    def on_request_error(self, status_code: int) -> None:
        self._status, self.cause = status_code, self.cause or f"http_{status_code}"
        self.disconnect()

    def on_connection_error(self) -> None:
        self._lost()

    def on_closed(self, _: requests.Response) -> None:
        self._lost()

    def on_exception(self, exception: Exception) -> None:
        self._error = exception

    def _lost(self) -> None:
        if not self.cause:
            self._error = XFailed(NETWORK, "connection_lost")
        self.disconnect()


class _Elsewhere(HTTPAdapter):
    """Sends tweepy's requests to another address than the one that it has built in."""

    def __init__(self, api: str) -> None:
        super().__init__()
        self._api = api

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        request.url = (request.url or "").replace(BUILT_IN, self._api, 1)
        return super().send(request, *args, **kwargs)


def _called(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """tweepy's answer, its errors as ours."""
    try:
        return call(*args, **kwargs)
    except tweepy.TooManyRequests:
        raise XFailed(RATE, "http_429") from None
    except tweepy.HTTPException as error:
        status = error.response.status_code
        if status in (400, 401, 403):
            raise UsageError(f"X refuses: {error}".replace("\n", "; ")) from None
        raise XFailed(HTTP, f"http_{status}") from None
    except (requests.RequestException, tweepy.TweepyException) as error:
        raise XFailed(NETWORK, "connection_failed") from error


def _asked(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return _called(call, *args, **kwargs).json()
