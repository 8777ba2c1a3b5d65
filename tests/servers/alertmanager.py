"""A real Prometheus Alertmanager, without Docker: the one on the PATH, else built once by Go.

Go's is kept in `.cache/alertmanager`. The page that browsers would get is left out: building it
needs npm, and only the API is asked here. (Debian's package can't be unpacked elsewhere: it wants
its template at a fixed place.)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.local import ServerMissing, alone, answers, await_start, end, free_port

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".cache" / "alertmanager"
MODULE = "github.com/prometheus/alertmanager"
VERSION = "v0.34.2"
PROGRAMS = ("alertmanager", "prometheus-alertmanager")
"""As its own releases and as Debian call it."""

CONFIG = """\
route:
  receiver: hook
  group_by: [alertname, topic]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {hook}
        send_resolved: true
"""


def binary(home: Path = HOME) -> Path:
    """The program; building it takes two minutes of one core, once."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return Path(found)
    built = home / f"alertmanager-{VERSION}"
    with alone(home):
        if not built.exists():
            _build(home, built)
    return built


def _build(home: Path, built: Path) -> None:
    if shutil.which("go") is None:
        raise ServerMissing("neither alertmanager nor go (to build it) is on the PATH")
    found = json.loads(_go(home, "mod", "download", "-json", f"{MODULE}@{VERSION}"))
    sources = home / "sources"
    shutil.rmtree(sources, ignore_errors=True)
    shutil.copytree(found["Dir"], sources)
    for path in [sources, *sources.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)  # Go's module cache is read-only
    page = sources / "ui" / "app" / "dist" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<html></html>")
    _go(sources, "build", "-trimpath", "-o", str(built), "./cmd/alertmanager")
    shutil.rmtree(sources)


def _go(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["go", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode != 0:
        raise ServerMissing(f"go {arguments[0]}: {(done.stdout + done.stderr)[-500:]}")
    return done.stdout


class AlertmanagerServer:
    """One Alertmanager that tells `hook` (a URL) of what it gets."""

    def __init__(self, hook: str) -> None:
        self._binary = binary()
        self.folder = Path(tempfile.mkdtemp(prefix="undertone-alertmanager-"))
        (self.folder / "config.yml").write_text(CONFIG.format(hook=hook))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> AlertmanagerServer:
        command = [
            str(self._binary),
            f"--config.file={self.folder / 'config.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | {"GOMAXPROCS": "1"}
            )
        ready = f"{self.url}/-/ready"
        await_start(self._process, lambda: answers(ready), self.folder / "log")
        return self

    def alerts(self) -> list[dict[str, Any]]:
        """What it holds and has not ended."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
            return list(json.load(answer))

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            end(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)
