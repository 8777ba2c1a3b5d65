"""The one file that speaks grafana-api: calls to Grafana's HTTP API, and what their errors mean.

Written for Grafana 11.6 and newer. grafana-api 1.0 speaks an older one, so where its own calls
name things by numbers (which Grafana 13 refuses), its plain GET, POST and PUT are used instead.

    unreachable, slow, 5xx, 429           `Unavailable`: later it may work
    401, 403, TLS, a wrong address        `UsageError`: what to change, in one line
    409, 412                              `Changed`: somebody else was there first
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace
from requests import exceptions as http

from services.errors import Unavailable, UndertoneError, UsageError

NEIGHBOUR: Final = "Grafana"
TIMEOUT_S: Final = 10.0
MOST_MARKS: Final = 100
Json = dict[str, Any]


class Changed(UndertoneError):
    """What was to be written is there already, or is not what it was when it was read."""


class Grafana:
    """One Grafana, as one of its service accounts. Use from one thread at a time."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        ca_file: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`url` may have a path (`https://example.com/grafana`). Nothing is connected yet."""
        found = urlsplit(url.rstrip("/"))
        path = found.path.lstrip("/")
        self.url = url.rstrip("/")
        self._face = GrafanaFace(
            auth=token,
            host=f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname,
            port=found.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=found.scheme,
            verify=str(ca_file) if ca_file else True,
            timeout=timeout_s,
        )
        self._api = self._face.api
        # A redirected POST would arrive as a GET: say where to go instead.
        self._api.s.max_redirects = 0

    def close(self) -> None:
        self._api.s.close()

    # -- what is there ----------------------------------------------------------

    def version(self) -> str:
        """Of the server. Its health needs no token: whoever fails here has the address wrong."""
        with self._calls("ask for its health"):
            answer = self._api.GET("/health")
        if not isinstance(answer, dict) or "database" not in answer:
            raise UsageError(f"{self.url} answers, but not as Grafana does: is it grafana_url?")
        return str(answer.get("version") or "")

    def has_plugin(self, plugin: str) -> bool:
        """Whether a plugin is installed and may be used."""
        with self._calls(f"look for the plugin {plugin}"):
            return (
                self._found(lambda: self._api.GET(f"/plugins/{quote(plugin)}/settings")) is not None
            )

    def folder(self, uid: str) -> Json | None:
        with self._calls("read folders"):
            return self._found(lambda: self._face.folder.get_folder(uid))

    def data_source(self, uid: str) -> Json | None:
        with self._calls("read data sources"):
            return self._found(lambda: self._api.GET(f"/datasources/uid/{quote(uid)}"))

    def dashboard(self, uid: str) -> Json | None:
        """`dashboard` and `meta`, as Grafana holds them."""
        with self._calls("read dashboards"):
            return self._found(lambda: self._face.dashboard.get_dashboard(uid))

    def newest_version(self, uid: str) -> Json:
        """Of a dashboard's history: `version`, `message`, `createdBy`, `created`; empty where
        none is kept."""
        with self._calls("read a dashboard's history"):
            answer = self._found(
                lambda: self._api.GET(f"/dashboards/uid/{quote(uid)}/versions?limit=1")
            )
        # A list until Grafana 11.2, then an object that holds one.
        versions = answer.get("versions", []) if isinstance(answer, dict) else answer
        return dict(max(versions or [{}], key=lambda one: one.get("version", 0)))

    def marks(self, tags: Sequence[str]) -> list[Json]:
        """Annotations of the organisation that carry all of `tags`."""
        with self._calls("read annotations"):
            found = self._face.annotations.get_annotation(
                tags=[quote(tag, safe="") for tag in tags], limit=MOST_MARKS
            )
        return list(found)

    # -- writing ----------------------------------------------------------------

    def create_folder(self, uid: str, title: str) -> None:
        with self._calls("create the folder"):
            self._face.folder.create_folder(title, uid=uid)

    def rename_folder(self, uid: str, title: str, version: int) -> None:
        with self._calls("rename the folder"):
            self._face.folder.update_folder(uid, title, version=version)

    def create_data_source(self, source: Mapping[str, Any]) -> None:
        with self._calls(f"create the data source {source['name']}"):
            self._face.datasource.create_datasource(dict(source))

    def update_data_source(self, source: Mapping[str, Any]) -> None:
        with self._calls(f"change the data source {source['name']}"):
            self._api.PUT(f"/datasources/uid/{quote(source['uid'])}", json=dict(source))

    def save_dashboard(
        self, model: Mapping[str, Any], folder: str, message: str, *, overwrite: bool = False
    ) -> None:
        """Create it, or replace the version that `model` names. `Changed` where it is another."""
        body = {
            "dashboard": dict(model),
            "folderUid": folder,
            "message": message,
            "overwrite": overwrite,
        }
        with self._calls(f"save the dashboard {model['title']!r}"):
            self._face.dashboard.update_dashboard(body)

    def add_mark(self, start_ms: int, end_ms: int | None, tags: Sequence[str], text: str) -> None:
        with self._calls("add an annotation"):
            self._face.annotations.add_annotation(
                time_from=start_ms, time_to=end_ms, tags=list(tags), text=text
            )

    def change_mark(
        self, number: int, start_ms: int, end_ms: int | None, tags: Sequence[str], text: str
    ) -> None:
        with self._calls("change an annotation"):
            self._face.annotations.partial_update_annotation(
                number, time_from=start_ms, time_to=end_ms, tags=list(tags), text=text
            )

    # -- what can go wrong --------------------------------------------------------

    @staticmethod
    def _found(call: Any) -> Json | None:
        """None for a 404."""
        try:
            answer: Json = call()
        except GrafanaException as error:
            if error.status_code != 404:
                raise
            return None
        return answer

    @contextmanager
    def _calls(self, what: str) -> Iterator[None]:
        """The library's errors as ours; `what` completes "Grafana would not let us ..."."""
        try:
            yield
        except GrafanaException as error:
            raise self._refused(error, what) from error
        except http.SSLError as error:
            raise UsageError(
                f"{self.url}: its certificate is not trusted ({_reason(error)}); set "
                "grafana_ca_file, or correct the name in grafana_url"
            ) from error
        except http.TooManyRedirects as error:
            to = error.response.headers.get("Location", "") if error.response is not None else ""
            raise UsageError(f"{self.url} redirects to {to}: give the final grafana_url") from error
        except (http.ConnectionError, http.Timeout) as error:
            raise Unavailable(NEIGHBOUR, f"{self.url}: {_reason(error)}") from error
        except ValueError as error:  # not JSON (requests' own error of that kind is one, too)
            raise UsageError(
                f"{self.url} answers, but not as Grafana does: is it grafana_url?"
            ) from error

    def _refused(self, error: GrafanaException, what: str) -> UndertoneError:
        status, said = error.status_code, _message(error.response)
        if status == 401:
            return UsageError(
                f"{self.url} does not accept the token (401 {said}): make a token of a service "
                "account there and set grafana_token or grafana_token_file"
            )
        if status == 403:
            return UsageError(
                f"{self.url} would not let us {what} (403 {said}): the service account of "
                "grafana_token needs the role Admin (Editor, to mark alerts only)"
            )
        if status in (409, 412):
            return Changed(f"{self.url} would not {what} ({status} {said})")
        if status == 404:
            return UsageError(f"{self.url} has nothing there to {what} (404): is it grafana_url?")
        if status == 429 or status >= 500:
            return Unavailable(NEIGHBOUR, f"{self.url} could not {what} now ({status} {said})")
        return UsageError(f"{self.url} would not {what} ({status} {said})")


def _message(response: Any) -> str:
    """Grafana's own word for it, in one short line."""
    text = response.get("message", response) if isinstance(response, dict) else response
    return " ".join(str(text).split())[:200]


def _reason(error: BaseException) -> str:
    """The innermost cause: the outer ones quote it, and addresses, at length."""
    inner: BaseException = error
    while inner.args and isinstance(inner.args[-1], BaseException):
        inner = inner.args[-1]
    reason = getattr(inner, "reason", None)
    if isinstance(reason, BaseException):
        return _reason(reason)
    return " ".join(str(inner).rpartition(">: ")[2].split())[:200]
