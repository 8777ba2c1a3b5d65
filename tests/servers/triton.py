"""A real Triton without Docker: `python -m tests.servers.triton --port 8001`.

The server is the binary that the PyPI wheel `nvidia-pytriton` carries. It gets
a virtual environment of its own under `.cache/triton` (its Python backend needs
numpy 1), first on its PATH since its embedded interpreter looks nowhere else,
and the wheel's bundled libraries on LD_LIBRARY_PATH. ONNX files are run by
`deploy/triton/backends/onnxruntime`. Linux, Python 3.11 or 3.12.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.triton.assemble import assemble
from tests.servers.local import ServerMissing, alone, answers, await_start, free_ports

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".cache" / "triton"
ARTIFACTS = ROOT / "models" / "artifacts"
BACKENDS = ROOT / "deploy" / "triton" / "backends"
PACKAGES = ("numpy<2", "nvidia-pytriton==0.7.0", "onnxruntime>=1.22")
START_S = 120
SHARED_MEMORY = 256 << 20
"""Bytes between server and backend, per model; pages count once they are used. Larger than
they ever need: this version of the Python backend crashes, on a busy machine, as it grows them."""


def install(home: Path = HOME) -> Path:
    """The environment of the server below `home`, made once; minutes, and 1 GB, the first time."""
    with alone(home):
        done = home / ".installed"
        if not done.is_file() or done.read_text() != _recipe():
            _build(home)
            done.write_text(_recipe())
    return home


def _recipe() -> str:
    return f"{sys.version_info[:2]} {PACKAGES}"


def _build(home: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if ctypes.util.find_library(f"python{version}") is None:
        raise ServerMissing(f"Triton needs libpython{version}.so (Debian: libpython{version})")
    pip = [str(home / "venv/bin/python"), "-m", "pip", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(home / "venv")],
        [*pip, "install", "--quiet", *PACKAGES],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise ServerMissing(f"{' '.join(command)}: {made.stderr.strip()[-500:]}")
    _backends(home, _wheel(home) / "tritonserver", version)


def _backends(home: Path, server: Path, version: str) -> None:
    """The Python backend with the stub of this Python; backends of ours are linked beside it."""
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise ServerMissing(f"{PACKAGES[1]} has no stub for Python {version}")
    shutil.rmtree(home / "backends", ignore_errors=True)
    shutil.copytree(server / "backends/python", home / "backends/python")
    shutil.copy(stub, home / "backends/python")
    (home / "backends/onnxruntime").symlink_to(BACKENDS / "onnxruntime")


def _wheel(home: Path) -> Path:
    return next((home / "venv/lib").glob("python3*/site-packages")) / "pytriton"


class Triton:
    """One server process, on localhost. Can be killed, frozen and started again at its ports."""

    def __init__(
        self,
        artifacts: Path = ARTIFACTS,
        port: int = 0,
        *,
        options: Mapping[str, str] | None = None,
        home: Path = HOME,
    ) -> None:
        """Not started yet. `port` is gRPC's, 0 for a free one; `options` are further flags."""
        self._home = install(home)
        self._folder = Path(tempfile.mkdtemp(prefix="undertone-triton-"))
        self._log = self._folder / "log.txt"
        self.repository = assemble(artifacts, self._folder / "models")
        free = free_ports(3)
        self.port = port or free[0]
        self._http, self._metrics = free[1:]
        self._options = dict(options or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What the client is given: gRPC's host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self._metrics}/metrics"

    def start(self) -> Triton:
        """Return once every model is ready. RuntimeError with the log's end where that fails."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), env=self._environment(), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        ready = f"http://127.0.0.1:{self._http}/v2/health/ready"
        try:
            await_start(self._process, lambda: answers(ready), self._log, START_S)
        except RuntimeError:
            self.kill()
            raise
        return self

    def _command(self) -> list[str]:
        flags = {
            "model-repository": str(self.repository),
            "backend-directory": str(self._home / "backends"),
            "grpc-port": str(self.port),
            "http-port": str(self._http),
            "metrics-port": str(self._metrics),
            "grpc-address": "127.0.0.1",
            "http-address": "127.0.0.1",
            "metrics-address": "127.0.0.1",
            "exit-on-error": "true",
            **self._options,
        }
        binary = _wheel(self._home) / "tritonserver/bin/tritonserver"
        return [
            str(binary),
            "--disable-auto-complete-config",
            *(f"--{name}={value}" for name, value in flags.items()),
            # Regions of shared memory carry the prefix, so that two servers never mix them up.
            f"--backend-config=python,shm-region-prefix-name=undertone-{self.port}-",
            f"--backend-config=python,shm-default-byte-size={SHARED_MEMORY}",
            f"--backend-config=python,stub-timeout-seconds={START_S}",
        ]

    def _environment(self) -> dict[str, str]:
        venv = self._home / "venv"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
        libraries = [str(_wheel(self._home).parent / "nvidia_pytriton.libs")]
        if "LD_LIBRARY_PATH" in kept:
            libraries.append(kept["LD_LIBRARY_PATH"])
        return kept | {
            "PATH": f"{venv / 'bin'}:{kept.get('PATH', '/usr/bin:/bin')}",
            "LD_LIBRARY_PATH": ":".join(libraries),
        }

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Started again whenever it dies, as `restart: unless-stopped` would.

        A connection that breaks cancels the requests on it, and a Triton of this
        version may die of that (its issues 7368 and 8034).
        """
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.1):
                if self._process is not None and self._process.poll() is not None:
                    self.kill()
                    self.start()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def kill(self) -> None:
        """Stop it at once, as a crash would, stubs and all."""
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            self._sweep()

    def stop(self) -> None:
        """Kill it and remove what it left: it keeps nothing, and ends in peace only after 5 s."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _sweep(self) -> None:
        for region in Path("/dev/shm").glob(f"undertone-{self.port}-*"):
            region.unlink(missing_ok=True)

    def __enter__(self) -> Triton:
        return self if self._process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _signal_group(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description="Run Triton with the networks, until Ctrl-C.")
    parser.add_argument("--port", type=int, default=8001, help="gRPC port")
    parser.add_argument("--artifacts", type=Path, default=ARTIFACTS, help="folder of ONNX files")
    arguments = parser.parse_args()
    server = Triton(arguments.artifacts, arguments.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with server.start():
            print(f"Triton: grpc://{server.url}, metrics {server.metrics_url}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
