"""The embedded server: shared between processes, found again after a kill, saved at the end."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.errors import Unavailable, UsageError
from services.store import Store, embedded, open_store
from services.store.embedded import EmbeddedServer

pytestmark = pytest.mark.integration

HOLD = """
import sys
from pathlib import Path
from services.store import open_store
store = open_store("embedded://", data_dir=Path(sys.argv[1]))
store.save_cursor("live", "child", b"was here")
print("ready", flush=True)
sys.stdin.read()
store.close()
"""


def opened(folder: Path) -> Store:
    return open_store("embedded://", data_dir=folder)


def child(folder: Path) -> subprocess.Popen[str]:
    """Another process that uses the store until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def end(process: subprocess.Popen[str], kill: bool = False) -> None:
    if kill:
        process.kill()
    process.communicate(timeout=30)


def server_pid(store: Store) -> int:
    (info,) = store.client.info("server")
    return int(info["process_id"])


def gone(pid: int) -> bool:
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_what_was_written_is_there_the_next_time(tmp_path: Path) -> None:
    store = opened(tmp_path)
    pid = server_pid(store)
    store.save_cursor("live", "a", b"5")
    store.close()
    assert gone(pid)
    store = opened(tmp_path)
    assert store.load_cursor("live", "a") == b"5"
    store.close()


def test_two_processes_share_one_server_and_the_last_ends_it(tmp_path: Path) -> None:
    other = child(tmp_path)
    store = opened(tmp_path)
    assert store.load_cursor("live", "child") == b"was here"
    pid = server_pid(store)
    end(other)
    assert server_pid(store) == pid  # its starter has left, we have not
    store.close()
    assert gone(pid)


def test_the_server_of_a_killed_process_is_found_and_ended(tmp_path: Path) -> None:
    other = child(tmp_path)
    end(other, kill=True)
    store = opened(tmp_path)
    assert store.load_cursor("live", "child") == b"was here"
    pid = server_pid(store)
    store.close()
    assert gone(pid)


def test_a_killed_server_is_started_again_with_its_data(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.save_cursor("live", "a", b"5")
    pid = server_pid(store)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    with pytest.raises(Unavailable):
        store.load_cursor("live", "a")
    assert store.load_cursor("live", "a") == b"5"
    store.close()


def test_a_server_that_dies_while_it_is_waited_for_is_started_again(tmp_path: Path) -> None:
    """It still holds its lock when nobody listens any more: that is no server on its way up."""
    server = EmbeddedServer(tmp_path)
    with (tmp_path / "store" / "server.lock").open("ab") as dying, ThreadPoolExecutor(1) as pool:
        fcntl.flock(dying, fcntl.LOCK_EX)
        started = pool.submit(server.ensure)
        time.sleep(0.3)
        fcntl.flock(dying, fcntl.LOCK_UN)
        began = time.monotonic()
        started.result(20)
        assert time.monotonic() - began < 10
    server.release()


def test_who_lets_go_waits_for_nobody(tmp_path: Path) -> None:
    """Neither for a server that stands still, nor for the thread that waits for it."""
    process = child(tmp_path)
    server = EmbeddedServer(tmp_path)
    server.ensure()
    store = opened(tmp_path)
    pid = server_pid(store)
    store.close()
    os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(server.ensure)
            time.sleep(0.3)
            began = time.monotonic()
            server.release()
            with pytest.raises(Unavailable, match="loads"):
                waiting.result(20)
            assert time.monotonic() - began < 5
    finally:
        os.kill(pid, signal.SIGCONT)
    end(process)
    assert gone(pid)


def test_a_server_that_stands_still_ends_by_itself_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "LET_GO_S", 0.5)
    store = opened(tmp_path)
    store.save_cursor("live", "a", b"5")
    pid = server_pid(store)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    store.close()
    assert time.monotonic() - began < 5
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    store = opened(tmp_path)
    assert store.load_cursor("live", "a") == b"5"
    store.close()


def test_many_processes_at_once_start_one_server(tmp_path: Path) -> None:
    code = HOLD.replace("sys.stdin.read()", "print(store.client.info('server')[0]['process_id'])")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert all(process.returncode == 0 for process in started), outputs
    store = opened(tmp_path)
    assert store.load_cursor("live", "child") == b"was here"
    store.close()


def test_a_long_path_does_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    store = opened(folder)
    store.save_cursor("live", "a", b"5")
    store.close()
    assert (folder / "store" / "appendonlydir").is_dir()


def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0
    store.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't use"):
        opened(tmp_path / "file")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.save_cursor("live", "a", b"5")
    store.close()
    (manifest,) = (tmp_path / "store" / "appendonlydir").glob("*.manifest")
    manifest.write_text("nonsense\n")
    with pytest.raises(UsageError, match=r"valkey\.log"):
        opened(tmp_path)


def test_nothing_is_ever_evicted_and_all_is_written_down(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for name, value in (("maxmemory-policy", "noeviction"), ("appendonly", "yes")):
        held = store.client.call("CONFIG", "GET", name)
        assert value in str(held)
    store.close()
