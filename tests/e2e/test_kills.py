"""`kill -9` anywhere, and the figures come out as if nothing had happened.

A short form runs with the rest; the long one (5,000 posts, ten kills) with
UNDERTONE_LONG_TESTS=1.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.store import open_store
from services.store.reader import Reader
from services.stream.kafka import KafkaStreams
from tests.conftest import missing
from tests.e2e.product import Product, ended, stop, write_archive
from tests.e2e.test_same_figures import embedded, on_servers, panes, replayed
from tests.servers.kafka import KafkaServer
from tests.servers.local import ServerMissing
from tests.servers.valkey import ValkeyServer

LONG = os.environ.get("UNDERTONE_LONG_TESTS") == "1"
EMBEDDED_POSTS = 10_000
POSTS, KILLS = (5_000, 10) if LONG else (2_000, 4)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1_200 if LONG else 420)]

Processes = dict[str, "subprocess.Popen[bytes]"]


def test_embedded_killed_and_resumed(tmp_path: Path) -> None:
    """The same totals, panes and scores as a replay that was never broken off."""
    archive = write_archive(tmp_path / "archive", EMBEDDED_POSTS)
    topics = archive.parent / "topics.yaml"
    whole = embedded(tmp_path / "whole")
    expected = replayed(whole, archive, topics, tmp_path / "whole.jsonl")
    broken = embedded(tmp_path / "broken")
    arguments = [
        "replay", str(archive), "--media", str(archive.parent / "media"), "--topics", str(topics),
        "--namespace", "same", "--scores", str(tmp_path / "broken.jsonl"),
    ]  # fmt: skip
    killed = 0
    for seconds in (1.3, 2.0, 6.5, 1.5, 2.5):  # the third lives to see a checkpoint
        process = broken.start(*arguments)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            killed += 1
    assert killed >= 2, "the replay was through before it could be killed: make it longer"
    assert replayed(broken, archive, topics, tmp_path / "broken.jsonl") | _no_times() == (
        expected | _no_times()
    )
    figures = []
    for product in (whole, broken):
        store = open_store("embedded://", data_dir=product.folder / "data")
        try:
            figures.append(panes(store, "same"))
        finally:
            store.close()
    assert figures[0] == figures[1]
    lines = [
        sorted((tmp_path / f"{n}.jsonl").read_text().splitlines()) for n in ("whole", "broken")
    ]
    assert lines[0] == lines[1]


def _no_times() -> dict[str, float]:
    return {"seconds": 0.0, "posts_per_second": 0.0}


def test_distributed_survives_everything(tmp_path: Path) -> None:
    """Hops killed at random, Kafka restarted, Valkey killed, and restored from an older file,
    partitions of `scores` increased: `undertone audit` finds no difference."""
    rng = random.Random(2)
    archive = write_archive(tmp_path / "archive", POSTS)
    try:
        kafka = KafkaServer().start()
    except ServerMissing as error:
        missing(f"no Kafka: {error}")
    valkey = ValkeyServer().start()
    product = on_servers(tmp_path, kafka, valkey, "kills.")
    running: Processes = {}
    try:
        _survive(product, archive, kafka, valkey, running, rng)
    except BaseException:
        print(product.logs())
        raise
    finally:
        with ended(list(running.values())):
            pass
        kafka.stop()
        valkey.stop()


def _survive(
    product: Product,
    archive: Path,
    kafka: KafkaServer,
    valkey: ValkeyServer,
    running: Processes,
    rng: random.Random,
) -> None:
    product.run("streams", "create", "--partitions", "6")
    topics = str(archive.parent / "topics.yaml")
    commands = {
        "replay": ["replay", str(archive), "--media", str(archive.parent / "media"),
                   "--topics", topics, "--namespace", "same"],
        "infer1": ["infer"], "infer2": ["infer"],
        "aggregate1": ["aggregate"], "aggregate2": ["aggregate"],
    }  # fmt: skip

    def start(name: str) -> None:
        running[name] = product.start(*commands[name], log=name)

    for name in commands:
        start(name)
    disasters = _disasters(kafka, valkey, product)
    for number in range(KILLS):
        time.sleep(rng.uniform(1.0, 4.0))
        if number < len(disasters):
            disasters[number]()
        name = rng.choice(list(commands))
        running[name].kill()
        running[name].wait(10)
        start(name)
    for disaster in disasters[KILLS:]:
        time.sleep(2.0)
        disaster()
    _wait_until_counted(product, valkey, running, start)
    hops = [running[name] for name in commands if name != "replay"]
    assert stop(hops) == [0] * len(hops)
    audit = product.json("audit")
    assert audit["ok"], audit["differences"][:10]
    assert audit["unscored"] == 0
    assert audit["lag"] == 0
    store = valkey.open()
    try:
        assert Reader(store).totals("same", "everything").sums.count == POSTS
    finally:
        store.close()


def _disasters(
    kafka: KafkaServer, valkey: ValkeyServer, product: Product
) -> list[Callable[[], object]]:
    older: list[Path] = []

    def restart_kafka() -> None:
        kafka.kill()
        time.sleep(1.0)
        kafka.start()

    def kill_valkey() -> None:
        older.append(valkey.save_copy())
        valkey.kill()
        time.sleep(1.0)
        valkey.start()

    def grow() -> None:
        streams = KafkaStreams([kafka.address])
        streams.create_streams({"kills.scores": 8})
        streams.close()

    return [restart_kafka, kill_valkey, grow, lambda: valkey.restore(older[0])]


def _wait_until_counted(
    product: Product,
    valkey: ValkeyServer,
    running: Processes,
    start: Callable[[str], None],
) -> None:
    """The replay ends by itself once everything is counted; one that failed is run again."""
    deadline = time.monotonic() + (600 if LONG else 240)
    while True:
        assert time.monotonic() < deadline, "not everything is counted in time"
        for name, process in list(running.items()):
            status = process.poll()
            if name == "replay" and status == 0:
                return
            if status is not None:
                start(name)  # as a supervisor would
        time.sleep(0.5)
