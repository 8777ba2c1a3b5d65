"""What the servers beside share: free ports, one builder at a time, a start that is waited for."""

from __future__ import annotations

import fcntl
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Process = subprocess.Popen[bytes]


class ServerMissing(RuntimeError):
    """This machine can't have the server, or what is asked beside it; the message says why."""


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(holder.getsockname()[1]) for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def free_port() -> int:
    return free_ports(1)[0]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """With the folder to oneself: two test runs may want to fetch or build there at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def answers(url: str) -> bool:
    """Whether it answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def await_start(
    process: Process, ready: Callable[[], bool], log: Path, timeout_s: float = 60.0
) -> None:
    """Return once it is ready; `RuntimeError` with the end of its log where that fails."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            end(process, signal.SIGKILL)
            said = log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{log.parent.name} did not start in {timeout_s:.0f} s:\n{said}")
        time.sleep(0.05)


def end(process: Process, how: signal.Signals = signal.SIGTERM, patience_s: float = 20.0) -> None:
    """Send the signal and wait; killed where it does not end."""
    process.send_signal(how)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
