"""The same archive gives the same figures, embedded and on Kafka, Triton and Valkey."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.store import Store, open_store
from services.store.reader import RESOLUTIONS, Reader
from tests.e2e.product import REAL, Product, ended, stop, write_archive
from tests.e2e.sample import POSTS, TOPICS, Sample
from tests.servers.kafka import KafkaServer
from tests.servers.triton import Triton
from tests.servers.valkey import ValkeyServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def panes(store: Store, namespace: str) -> dict[tuple[str, str, int], Any]:
    """Every pane of every topic, by topic, resolution and start."""
    reader, found = Reader(store), {}
    for topic in reader.topics(namespace):
        total = reader.totals(namespace, topic)
        assert total.first_post_ms is not None
        assert total.last_post_ms is not None
        for resolution in RESOLUTIONS:
            series = reader.series(
                namespace,
                topic,
                resolution.name,
                total.first_post_ms - resolution.slice_ms,
                total.last_post_ms + 1,
            )
            found |= {(topic, resolution.name, pane.start_ms): pane.sums for pane in series}
    return found


def replayed(product: Product, archive: Path, topics: Path, scores: Path) -> dict[str, Any]:
    report = product.folder / "report.json"
    product.run(
        "replay", str(archive), "--media", str(archive.parent / "media"), "--topics", str(topics),
        "--namespace", "same", "--report", str(report), "--scores", str(scores),
    )  # fmt: skip
    made: dict[str, Any] = json.loads(report.read_text())
    return made


def distributed(product: Product, *replay: Any) -> dict[str, Any]:
    """The report of a replay with two workers of each kind, and an audit behind it."""
    product.run("streams", "create", "--partitions", "6")
    hops = [product.start(hop, log=f"{hop}{n}") for n in (1, 2) for hop in ("infer", "aggregate")]
    with ended(hops):
        made = replayed(product, *replay)
        product.run("audit")
        assert stop(hops) == [0, 0, 0, 0], product.logs()
    return made


def on_servers(
    folder: Path, kafka: KafkaServer, valkey: ValkeyServer, prefix: str, **more: Any
) -> Product:
    environment = {
        "UNDERTONE_STREAMS_URL": kafka.url,
        "UNDERTONE_STREAMS_PREFIX": prefix,
        "UNDERTONE_STORE_URL": valkey.url,
        "UNDERTONE_DATA_DIR": str(folder / "data"),
        **more.pop("environment", {}),
    }
    return Product(folder, environment, **more)


def embedded(folder: Path, **more: Any) -> Product:
    folder.mkdir()
    return Product(folder, {"UNDERTONE_DATA_DIR": str(folder / "data")}, **more)


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in report.items() if k not in ("seconds", "posts_per_second")}


def test_counts_of_every_pane(tmp_path: Path, kafka: KafkaServer, valkey: ValkeyServer) -> None:
    archive = write_archive(tmp_path / "archive", 1_500)
    topics = archive.parent / "topics.yaml"
    here = embedded(tmp_path / "here")
    made = replayed(here, archive, topics, tmp_path / "here.jsonl")
    there = on_servers(tmp_path, kafka, valkey, "same-panes.")
    made_there = distributed(there, archive, topics, tmp_path / "there.jsonl")
    assert without_times(made) == without_times(made_there)
    assert made["duplicates"] == 30 * 1 + (made["duplicates"] - 30)  # copies, per topic
    with_store = open_store("embedded://", data_dir=here.folder / "data")
    try:
        ours = panes(with_store, "same")
    finally:
        with_store.close()
    remote = valkey.open()
    try:
        assert ours == panes(remote, "same")
    finally:
        remote.close()
    assert sorted((tmp_path / "here.jsonl").read_text().splitlines()) == sorted(
        (tmp_path / "there.jsonl").read_text().splitlines()
    )


def test_the_networks_agree(
    tmp_path: Path, kafka: KafkaServer, valkey: ValkeyServer, triton: Triton, sample: Sample
) -> None:
    there = on_servers(
        tmp_path, kafka, valkey, "same-scores.", program=REAL,
        environment={"UNDERTONE_CLASSIFIER_URL": f"grpc://{triton.url}"},
    )  # fmt: skip
    made = distributed(there, POSTS, TOPICS, tmp_path / "there.jsonl")
    ours, theirs = labels(sample.scores), labels(tmp_path / "there.jsonl")
    assert ours.keys() == theirs.keys()
    assert len(ours) > 600
    differing = sum(ours[key] != theirs[key] for key in ours)
    assert differing <= len(ours) / 1000
    for topic, figures in sample.report["topics"].items():
        other = made["topics"][topic]
        assert figures["count"] == other["count"]
        assert figures["mean_score"] == pytest.approx(other["mean_score"], abs=1e-3)


def labels(path: Path) -> dict[tuple[str, str], str]:
    lines = map(json.loads, path.read_text().splitlines())
    return {(line["id"], line["topic"]): line["label"] for line in lines}
