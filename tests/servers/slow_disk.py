"""A disk that does not answer: of a running Valkey, the one thread that waits for it is stopped.

What is written meanwhile is acknowledged and stays in the server's memory for up to two seconds
(`appendfsync everysec`), so that a `kill -9` truly loses it. Linux's ptrace(2), by whoever started
the server.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.valkey import ValkeyServer

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
"""__WALL of waitpid(2): threads, too."""
THREAD = "bio_aof"


class PtraceMissing(RuntimeError):
    """This system does not let us stop a thread of a child."""


@contextmanager
def no_answer(valkey: ValkeyServer) -> Iterator[None]:
    """Until then nothing reaches the disk. To be left by the thread that came in; the server may
    have been killed meanwhile (`os.kill`: `valkey.kill` would wait for the thread that we hold)."""
    thread = _thread(valkey.pid)
    _ptrace(PTRACE_SEIZE, thread)
    _ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    try:
        _await_pending(valkey)
        yield
    finally:
        try:
            _ptrace(PTRACE_DETACH, thread)
        except PtraceMissing:  # it was killed, and stays until we have heard of it
            os.waitpid(thread, WALL)


def _thread(pid: int) -> int:
    tasks = Path(f"/proc/{pid}/task")
    for task in tasks.iterdir() if tasks.is_dir() else ():
        if (task / "comm").read_text().strip() == THREAD:
            return int(task.name)
    raise PtraceMissing(f"Valkey has no thread {THREAD}")


def _ptrace(request: int, thread: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, thread, None, None) == -1:
        raise PtraceMissing(os.strerror(ctypes.get_errno()))


def _await_pending(valkey: ValkeyServer) -> None:
    """From when on the server itself waits for the disk: what comes then is not written yet."""
    store = valkey.open()
    try:
        store.client.call("SET", "to-be-synced", "")
        deadline = time.monotonic() + 10
        while not store.client.info("persistence")[0]["aof_pending_bio_fsync"]:
            assert time.monotonic() < deadline, "Valkey does not wait for the disk"
            time.sleep(0.01)
    finally:
        store.close()
