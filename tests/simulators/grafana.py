"""A Grafana, as far as we call it, which takes nothing that the real one refuses.

Bodies, fields and their types are those of Grafana's OpenAPI description (`PostAnnotationsCmd`,
`SaveDashboardCommand` and so on); status codes and messages those of its documentation of the
HTTP API. A path, method, query parameter or field that Grafana does not know is remembered in
`violations`, since Grafana itself would only ignore it; each test ends with none. Paths that name
data sources by number are gone, as in Grafana 13.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulators.grafana_state import GrafanaState, Json, Refused
from tests.simulators.web import Handler, WebServer

INT, STR, BOOL, OBJECT, STRINGS = (int,), (str,), (bool,), (dict,), (list,)

BODIES: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "CreateFolderCommand": {"uid": STR, "title": STR, "parentUid": STR, "description": STR},
    "UpdateFolderCommand": {
        "title": STR,
        "version": INT,
        "overwrite": BOOL,
        "description": STR,
    },
    "AddDataSourceCommand": {
        **dict.fromkeys(("uid", "name", "type", "access", "url", "user", "database"), STR),
        **dict.fromkeys(("basicAuth", "withCredentials", "isDefault"), BOOL),
        **dict.fromkeys(("jsonData", "secureJsonData"), OBJECT),
        "basicAuthUser": STR,
        "version": INT,
    },
    "SaveDashboardCommand": {
        "dashboard": OBJECT,
        "folderId": INT,
        "folderUid": STR,
        "isFolder": BOOL,
        "message": STR,
        "overwrite": BOOL,
        "userId": INT,
    },
    "PostAnnotationsCmd": {
        **dict.fromkeys(("dashboardId", "panelId", "time", "timeEnd"), INT),
        "dashboardUID": STR,
        "tags": STRINGS,
        "text": STR,
        "data": OBJECT,
    },
    "PatchAnnotationsCmd": {
        **dict.fromkeys(("id", "time", "timeEnd"), INT),
        "tags": STRINGS,
        "text": STR,
        "data": OBJECT,
    },
}
"""Fields by command; each may be null, which Go reads as its zero."""


class GrafanaServer(WebServer, GrafanaState):
    """Serves until the `with` ends. What a test may set: the fields of the constructor."""

    def __init__(
        self,
        token: str = "glsa_secret",
        role: str = "Admin",
        version: str = "13.2.2",
        plugins: tuple[str, ...] = ("yesoreyeram-infinity-datasource",),
        path: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        WebServer.__init__(self, tls)
        GrafanaState.__init__(self, set(plugins), version)
        self.token, self.role, self.path = token, role, path
        self.failing: tuple[int, str] | None = None
        self.requests: list[str] = []
        self.violations: list[str] = []

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        super().__exit__(kind, *rest)
        if kind is None:
            assert not self.violations, self.violations

    @property
    def url(self) -> str:
        return self.origin("localhost") + self.path

    def handler(self) -> type[Handler]:
        return type("Bound", (_Handler,), {"grafana": self})

    @property
    def writes(self) -> list[str]:
        return [line for line in self.requests if not line.startswith("GET ")]

    # -- one request ---------------------------------------------------------------

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> tuple[int, Any]:
        self.requests.append(f"{method} {target}")
        if self.failing is not None:
            return self.failing[0], {"message": self.failing[1]}
        found = urlsplit(target)
        path = found.path.removeprefix(f"{self.path}/api")
        for known, pattern, role, command, queries, serve in ROUTES:
            match = re.fullmatch(pattern, path)
            if known == method and match:
                try:
                    self._authorise(role, authorization)
                    given = self._queries(queries, found.query)
                    payload = self._body(command, body)
                    return 200, serve(self, *match.groups(), **given, **payload)
                except Refused as error:
                    return error.code, error.body
        self.violations.append(f"{method} {target}: there is no such path")
        return 404, {"message": "Not found"}

    def _authorise(self, role: str, authorization: str) -> None:
        ranks = ("", "Viewer", "Editor", "Admin")
        if role and authorization != f"Bearer {self.token}":
            raise Refused(401, "Invalid API key" if authorization else "Unauthorized")
        if ranks.index(self.role) < ranks.index(role):
            raise Refused(403, "You'll need additional permissions to perform this action.")

    def _queries(self, known: tuple[str, ...], query: str) -> Json:
        given = parse_qs(query)
        self.violations += [f"query parameter {name}" for name in given if name not in known]
        return {"queries": given} if known else {}

    def _body(self, command: str, body: bytes) -> Json:
        if not command:
            return {}
        try:
            found = json.loads(body)
        except ValueError as error:
            raise Refused(400, "bad request data") from error
        for name, value in found.items():
            kinds = BODIES[command].get(name)
            if kinds is None:
                self.violations.append(f"{command} has no field {name}")
            elif value is not None and type(value) not in kinds:
                raise Refused(400, f"bad request data: {name}")
        return {"body": {k: v for k, v in found.items() if v is not None}}


Route = tuple[str, str, str, str, tuple[str, ...], Callable[..., Any]]
_UID = r"([\w%.-]+)"
_G = GrafanaState
ROUTES: tuple[Route, ...] = (
    ("GET", "/health", "", "", (), _G.health),
    ("GET", f"/plugins/{_UID}/settings", "Viewer", "", (), _G.plugin),
    ("GET", f"/folders/{_UID}", "Viewer", "", (), _G.folder),
    ("POST", "/folders", "Editor", "CreateFolderCommand", (), _G.add_folder),
    ("PUT", f"/folders/{_UID}", "Editor", "UpdateFolderCommand", (), _G.change_folder),
    ("GET", f"/datasources/uid/{_UID}", "Admin", "", (), _G.source),
    ("POST", "/datasources", "Admin", "AddDataSourceCommand", (), _G.add_source),
    ("PUT", f"/datasources/uid/{_UID}", "Admin", "AddDataSourceCommand", (), _G.change_source),
    ("GET", f"/dashboards/uid/{_UID}", "Viewer", "", (), _G.dashboard),
    ("GET", f"/dashboards/uid/{_UID}/versions", "Editor", "", ("limit", "start"), _G.versions),
    ("POST", "/dashboards/db", "Editor", "SaveDashboardCommand", (), _G.save_dashboard),
    ("GET", "/annotations", "Viewer", "", ("tags", "limit", "type"), _G.find_annotations),
    ("POST", "/annotations", "Editor", "PostAnnotationsCmd", (), _G.add_annotation),
    ("PATCH", r"/annotations/(\d+)", "Editor", "PatchAnnotationsCmd", (), _G.change_annotation),
)
"""Method, path below /api, the least role ("": none needed), the body, queries, and who serves."""


class _Handler(Handler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body, or each answer waits for an acknowledgement
    grafana: GrafanaServer

    def _serve(self) -> None:
        authorization = self.headers.get("Authorization", "")
        status, found = self.grafana.answer(self.command, self.path, authorization, self.body())
        body = json.dumps(found).encode()
        self.answer(status, body, content_type="application/json; charset=UTF-8")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve
