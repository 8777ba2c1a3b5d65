"""A real Prometheus and its promtool, without Docker: Debian's package, unpacked, not installed.

What is on the PATH is taken first. Else the package is fetched by apt-get and
kept in `.cache/prometheus/`: seconds, and 20 MB.
"""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "prometheus"
START_S = 30.0


class PrometheusMissing(RuntimeError):
    """This machine can't have it; the message says what it lacks."""


def program(name: str) -> str:
    """Path of `prometheus` or `promtool`."""
    found = shutil.which(name)
    if found is not None:
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may want it at once
        path = CACHE / "usr" / "bin" / name
        if not path.is_file():
            _fetch()
    return str(path)


def _fetch() -> None:
    """Unpack the package below `CACHE`; its lists of packages are fetched where there are none."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise PrometheusMissing("promtool is not on the PATH, nor is apt-get, to fetch it with")
    with TemporaryDirectory() as folder:
        if _run(folder, "apt-get", "download", "prometheus"):
            _run(folder, "apt-get", "update", "-qq")
            error = _run(folder, "apt-get", "download", "prometheus")
            if error:
                raise PrometheusMissing(f"apt-get can't fetch it: {error}")
        (package,) = Path(folder).glob("prometheus_*.deb")
        error = _run(folder, "dpkg", "-x", str(package), str(CACHE))
        if error:
            raise PrometheusMissing(f"dpkg can't unpack it: {error}")


def _run(folder: str, *command: str) -> str:
    """What it said where it failed, else nothing."""
    made = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    return (made.stderr.strip()[-300:] or "no word") if made.returncode else ""


class Prometheus:
    """A server with a configuration of ours, until the `with` ends."""

    def __init__(self, config: Path, data: Path) -> None:
        self._config, self._data = config, data
        self._program = program("prometheus")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"

    def __enter__(self) -> Prometheus:
        self._data.mkdir(parents=True, exist_ok=True)
        with (self._data / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={self._config}",
                    f"--storage.tsdb.path={self._data / 'tsdb'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PrometheusMissing((self._data / "log").read_text()[-500:])
            time.sleep(0.05)
        return self

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1):
                return True
        except OSError:
            return False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
