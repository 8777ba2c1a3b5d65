"""`undertone dashboard`, and the dashboard that goes along with a replay, as people start them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.store import open_store
from tests.e2e.product import START_MS, Product, ended, write_archive
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration
TOKEN = "a long enough token"


def product(folder: Path, **settings: str) -> Product:
    environment = {"DATA_DIR": str(folder / "data"), "DASHBOARD_PORT": "0", **settings}
    return Product(folder, {f"UNDERTONE_{name}": value for name, value in environment.items()})


def address(of: Product, log: str, process: subprocess.Popen[bytes]) -> str:
    """What it says of where it is."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = re.search(r"Dashboard:? (http://\S+)", (of.folder / log).read_text())
        if found:
            return found[1]
        assert process.poll() is None, of.logs()
        time.sleep(0.05)
    raise AssertionError(of.logs())


def get(url: str, **headers: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as found:
        return json.load(found)


def test_it_says_where_it_is_and_ends_at_a_signal(tmp_path: Path, valkey: ValkeyServer) -> None:
    here = product(tmp_path, STORE_URL=valkey.url)
    process = here.start("dashboard")
    with ended([process]):
        url = address(here, "dashboard.log", process)
        assert get(f"{url}/api/v1/namespaces") == []
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{url}/api/v1/topics")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_it_ends_whatever_became_of_its_store(tmp_path: Path, how: signal.Signals) -> None:
    """While readers listen and ask."""
    here = product(tmp_path)
    with closing(open_store("embedded://", data_dir=tmp_path / "data")) as store, ExitStack() as at:
        store.add_namespace("live", "live", START_MS)
        server = int(store.client.info("server")[0]["process_id"])
        process = here.start("dashboard")
        at.enter_context(ended([process]))
        url = address(here, "dashboard.log", process)
        pool = at.enter_context(ThreadPoolExecutor(8))
        asked = [pool.submit(ask_on, url, path) for path in ("topics", "operations", "events") * 2]
        time.sleep(0.5)
        os.kill(server, how)
        at.callback(resume, server)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(12) == 0, here.logs()
        for one in asked:
            one.result(5)


def resume(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def ask_on(url: str, path: str) -> None:
    """Until nobody answers any more."""
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/v1/{path}", timeout=20) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, HTTPException):
            return


def test_others_are_let_in_with_a_token_alone(tmp_path: Path, valkey: ValkeyServer) -> None:
    here = product(tmp_path, STORE_URL=valkey.url)
    said = here.run("dashboard", "--host", "0.0.0.0", status=2).stderr
    assert "dashboard_token_file" in said
    (tmp_path / "short").write_text("short\n")
    short = product(tmp_path, STORE_URL=valkey.url, DASHBOARD_TOKEN_FILE=str(tmp_path / "short"))
    assert "16 characters" in short.run("dashboard", status=2).stderr
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    locked = product(tmp_path, STORE_URL=valkey.url, DASHBOARD_TOKEN_FILE=str(tmp_path / "token"))
    process = locked.start("dashboard", "--host", "0.0.0.0")
    with ended([process]):
        url = address(locked, "dashboard.log", process)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(f"{url}/api/v1/namespaces")
        assert get(f"{url}/api/v1/namespaces", Authorization=f"Bearer {TOKEN}") == []
    assert TOKEN not in (tmp_path / "dashboard.log").read_text()


def test_a_replay_is_watched_while_it_runs_and_ends_by_itself(tmp_path: Path) -> None:
    """Its port is taken; nobody sits at a terminal, so that `--stay` and `--open` do nothing."""
    archive = write_archive(tmp_path, 300)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        here = product(tmp_path, DASHBOARD_PORT=str(port))
        process = here.start(
            "replay", str(archive), "--topics", str(tmp_path / "topics.yaml"), "--media",
            str(tmp_path / "media"), "--namespace", "watched", "--speed", "1200", "--stay",
            "--open",
        )  # fmt: skip
        with ended([process]):
            url = urlsplit(address(here, "replay.log", process))
            assert (url.query, url.port == port) == ("namespace=watched", False)
            assert f"Port {port} is taken" in (tmp_path / "replay.log").read_text()
            api = f"http://{url.netloc}/api/v1/topics?namespace=watched"
            assert first_posts(api, process) > 0
            assert process.wait(60) == 0


def first_posts(url: str, process: subprocess.Popen[bytes]) -> int:
    """How many posts the overview shows first; 0 where the process ended before."""
    while process.poll() is None:
        posts: int = get(url)["posts"]
        if posts:
            return posts
        time.sleep(0.1)
    return 0
