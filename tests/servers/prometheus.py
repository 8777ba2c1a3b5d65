"""A real Prometheus and its promtool, without Docker: Debian's package, unpacked, not installed.

What is on the PATH is taken first. Else the package is fetched by apt-get and
kept in `.cache/prometheus/`: seconds, and 20 MB.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers.local import ServerMissing, alone, answers, await_start, end, free_port

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "prometheus"


def program(name: str) -> str:
    """Path of `prometheus` or `promtool`."""
    found = shutil.which(name)
    if found is not None:
        return found
    with alone(CACHE):
        path = CACHE / "usr" / "bin" / name
        if not path.is_file():
            _fetch()
    return str(path)


def _fetch() -> None:
    """Unpack the package below `CACHE`; its lists of packages are fetched where there are none."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise ServerMissing("promtool is not on the PATH, nor is apt-get, to fetch it with")
    with TemporaryDirectory() as folder:
        if _run(folder, "apt-get", "download", "prometheus"):
            _run(folder, "apt-get", "update", "-qq")
            error = _run(folder, "apt-get", "download", "prometheus")
            if error:
                raise ServerMissing(f"apt-get can't fetch it: {error}")
        (package,) = Path(folder).glob("prometheus_*.deb")
        error = _run(folder, "dpkg", "-x", str(package), str(CACHE))
        if error:
            raise ServerMissing(f"dpkg can't unpack it: {error}")


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
        self.url = f"http://127.0.0.1:{free_port()}"

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
        await_start(self._process, lambda: answers(f"{self.url}/-/ready"), self._data / "log")
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)
