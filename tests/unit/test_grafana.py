"""Provisioning and annotations, against a server that enforces Grafana's contract."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme
from pydantic import SecretStr

from services import check
from services.errors import Unavailable, UsageError
from services.grafana import Grafana, Mark, annotate
from services.grafana.client import Changed
from services.grafana.provision import (
    FOLDER_UID,
    Finding,
    State,
    Wanted,
    check_server,
    mend,
    survey,
)
from services.grafana.queries import API_UID, INFINITY
from services.grafana.sources import PROOF, sources
from services.settings import Settings
from tests.simulators.grafana import GrafanaServer

TOKEN = "glsa_secret"
MARK = Mark("0123456789abcdef", "live", "north & wind", 1_000, None, "share", "warning")


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with GrafanaServer(TOKEN) as found:
        yield found


def client(server: GrafanaServer, token: str = TOKEN) -> Grafana:
    return Grafana(server.url, token)


def wanted(token: str = "dashboard-token", folder: str = "Undertone") -> Wanted:
    return Wanted(folder, sources("http://dashboard:8420/", token, "http://prometheus:9090"))


def states(findings: list[Finding]) -> set[State]:
    return {finding.state for finding in findings}


def provisioned(server: GrafanaServer) -> Grafana:
    grafana = client(server)
    mend(survey(grafana, wanted()))
    return grafana


def test_everything_is_made_once(server: GrafanaServer) -> None:
    grafana = client(server)
    assert check_server(grafana) == server.version
    first = survey(grafana, wanted())
    assert states(first) == {State.MISSING}
    assert len(mend(first)) == len(first) == 6
    written = len(server.writes)
    again = survey(grafana, wanted())
    assert states(again) == {State.SAME}
    assert mend(again) == []
    assert len(server.writes) == written
    assert server.secrets[API_UID] == {"bearerToken": "dashboard-token"}
    assert all(one[-1]["folderUid"] == FOLDER_UID for one in server.dashboards.values())


def test_an_edit_by_hand_is_told_before_it_is_overwritten(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    server.edit_by_hand("undertone-topic", title="Mine")
    found = survey(grafana, wanted())
    (edited,) = [f for f in found if f.state is not State.SAME]
    assert edited.state is State.EDITED
    assert "ada" in edited.detail
    assert mend(found) == []
    assert server.dashboards["undertone-topic"][-1]["model"]["title"] == "Mine"
    assert mend(found, force=True) == [edited]
    assert server.dashboards["undertone-topic"][-1]["model"]["title"] == "Undertone: topic"
    assert states(survey(grafana, wanted())) == {State.SAME}


def test_an_edit_between_the_look_and_the_write_is_not_lost(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    server.edit_by_hand("undertone-topic", title="Mine")
    found = survey(grafana, wanted())
    server.edit_by_hand("undertone-topic", title="Mine, later")
    with pytest.raises(UsageError, match="changed by someone else"):
        mend(found, force=True)
    assert server.dashboards["undertone-topic"][-1]["model"]["title"] == "Mine, later"


def test_our_older_version_is_brought_up_to_date_where_it_is(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    newest = server.dashboards["undertone-overview"][-1]
    newest |= {"message": "undertone 0123456789abcdef"}
    newest["model"] = {**newest["model"], "refresh": "1m"}
    found = survey(grafana, wanted())
    assert [f.state for f in found].count(State.OUTDATED) == 1
    assert len(mend(found)) == 1
    assert states(survey(grafana, wanted())) == {State.SAME}


def test_a_grafana_that_keeps_it_in_another_form_is_no_editor(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    for versions in server.dashboards.values():
        versions[-1]["model"] = {**versions[-1]["model"], "schemaVersion": 42, "preload": False}
    assert states(survey(grafana, wanted())) == {State.SAME}


def test_a_grafana_that_forgets_its_history_is_no_editor(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    for versions in server.dashboards.values():
        versions[-1]["message"] = ""
    assert states(survey(grafana, wanted())) == {State.SAME}


def test_a_new_token_or_address_reaches_the_data_source(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    mend(survey(grafana, wanted("another-token")))
    assert server.secrets[API_UID]["bearerToken"] == "another-token"
    assert "another-token" not in str(server.sources)
    found = survey(grafana, wanted(""))
    assert PROOF in str([f.detail for f in found])
    mend(found)
    assert "auth_method" not in server.sources[API_UID]["jsonData"]


def test_the_folder_takes_its_title_from_the_settings(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    mend(survey(grafana, wanted(folder="Brands")))
    assert server.folders[FOLDER_UID]["title"] == "Brands"


def test_what_is_provisioned_by_file_is_left_to_the_file(server: GrafanaServer) -> None:
    grafana = provisioned(server)
    server.provisioned.add("undertone-operations")
    server.sources[API_UID] |= {"readOnly": True, "url": "http://elsewhere"}
    found = survey(grafana, wanted())
    assert [f.state for f in found].count(State.BY_FILE) == 2
    assert mend(found, force=True) == []


# -- what can be wrong ---------------------------------------------------------------


def test_a_wrong_token(server: GrafanaServer) -> None:
    with pytest.raises(UsageError, match=r"401.*grafana_token"):
        survey(client(server, "stale"), wanted())


def test_a_token_that_may_too_little(server: GrafanaServer) -> None:
    server.role = "Editor"
    with pytest.raises(UsageError, match=r"read data sources \(403.*role Admin"):
        survey(client(server), wanted())


def test_a_missing_plugin(server: GrafanaServer) -> None:
    server.plugins.clear()
    with pytest.raises(UsageError, match=f"lacks the plugin {INFINITY}"):
        check_server(client(server))


@pytest.mark.parametrize(("version", "old"), [("11.5.2", True), ("11.6.0", False), ("9.0", True)])
def test_an_old_grafana(server: GrafanaServer, version: str, old: bool) -> None:
    server.version = version
    if not old:
        assert check_server(client(server)) == version
        return
    with pytest.raises(UsageError, match=r"11\.6 or newer"):
        check_server(client(server))


def test_undertone_check_looks_at_it(server: GrafanaServer) -> None:
    def found(token: str) -> check.Finding:
        settings = Settings(grafana_url=server.url, grafana_token=SecretStr(token))
        (only,) = check._guarded("Grafana", check._grafana, settings, "mend it")
        return only

    assert found(TOKEN).ok
    assert "401" in found("stale").found


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=r"Grafana: .*[Rr]efused"):
            check_server(Grafana(url, TOKEN))


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match="timed out"):
            check_server(Grafana(url, TOKEN, timeout_s=0.2))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_that_can_not_now(server: GrafanaServer, status: int) -> None:
    server.failing = (status, "database is locked")
    with pytest.raises(Unavailable, match=f"{status} database is locked"):
        check_server(client(server))


def test_something_that_is_no_grafana() -> None:
    from services.health import HealthServer

    other = HealthServer("127.0.0.1", 0, lambda: {"healthy": True})
    try:
        with pytest.raises(UsageError, match="is it grafana_url"):
            check_server(Grafana(other.address, TOKEN))
    finally:
        other.close()


def test_one_that_has_moved() -> None:
    class Moved(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(301)
            self.send_header("Location", "https://grafana.example.com/api/health")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Moved) as moved:
        Thread(target=moved.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{moved.server_address[1]}"
        with pytest.raises(UsageError, match=r"redirects to https://grafana\.example\.com"):
            check_server(Grafana(url, TOKEN))


def test_tls_and_a_path(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with GrafanaServer(TOKEN, tls=context, path="/grafana") as server:
        assert check_server(Grafana(server.url, TOKEN, ca_file=ca_file)) == server.version
        with pytest.raises(UsageError, match=r"not trusted.*grafana_ca_file"):
            check_server(Grafana(server.url, TOKEN))


def test_a_name_that_is_taken_says_so(server: GrafanaServer) -> None:
    provisioned(server)
    source = {**wanted().sources[0], "uid": "another"}
    with pytest.raises(Changed, match="same name already exists"):
        client(server).create_data_source(source)


# -- marks ---------------------------------------------------------------------------


def test_a_mark_told_twice_is_told_once(server: GrafanaServer) -> None:
    server.role = "Editor"
    grafana = client(server)
    assert annotate(grafana, MARK)
    assert not annotate(grafana, MARK)
    (held,) = server.annotations
    assert held["tags"] == MARK.tags
    assert "topic:north & wind" in held["tags"]


def test_a_mark_that_is_there_may_be_left_alone(server: GrafanaServer) -> None:
    grafana = client(server)
    annotate(grafana, MARK)
    assert not annotate(grafana, replace(MARK, text="less"), replace=False)
    (held,) = server.annotations
    assert held["text"] == MARK.text


def test_a_mark_grows_and_ends_with_its_alert(server: GrafanaServer) -> None:
    grafana = client(server)
    annotate(grafana, MARK)
    ended = replace(MARK, end_ms=9_000, text="share, over")
    assert annotate(grafana, ended)
    assert not annotate(grafana, ended)
    (held,) = server.annotations
    assert (held["time"], held["timeEnd"], held["text"]) == (1_000, 9_000, "share, over")
    annotate(grafana, replace(MARK, key="fedcba9876543210"))
    assert len(server.annotations) == 2
