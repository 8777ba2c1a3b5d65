"""`undertone check` against real servers: what is right, what is wrong, and the way out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from rich.console import Console

from services import pipeline
from services.check import Finding, check, check_command
from services.settings import Settings, load_settings
from services.stream.kafka import KafkaStreams
from tests.servers.kafka import PASSWORD, USER, KafkaServer
from tests.servers.triton import Triton
from tests.servers.valkey import ValkeyServer

pytestmark = pytest.mark.integration


def settings_of(tmp_path: Path, **overrides: Any) -> Settings:
    topics = tmp_path / "topics.yaml"
    if not topics.exists():
        topics.write_text("topics:\n  acme: acme\n")
    return load_settings(topics_file=topics, data_dir=tmp_path / "data", **overrides)


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.about: finding for finding in check(settings)}


def wrong(settings: Settings) -> dict[str, Finding]:
    return {about: finding for about, finding in found(settings).items() if not finding.ok}


def test_embedded_all_is_in_place(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=200)
    assert check_command(settings_of(tmp_path), console) == 0
    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Everything is in place." in output
    assert "append-only file" in output


def test_servers_that_are_not_there_are_named_with_a_fix(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        streams_url="kafka://127.0.0.1:1",
        classifier_url="grpc://127.0.0.1:1",
        store_url="redis://127.0.0.1:1",
    )
    findings = wrong(settings)
    assert set(findings) == {"streams", "networks", "store"}
    for finding in findings.values():
        assert "127.0.0.1:1" in finding.found
        assert "UNDERTONE_" in finding.fix
    console = Console(file=io.StringIO(), width=200)
    assert check_command(settings, console, as_json=True) == 1
    listed = json.loads(console.file.getvalue())  # type: ignore[attr-defined]
    assert [item["about"] for item in listed if not item["ok"]] == ["streams", "networks", "store"]


def test_folder_and_topics(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    settings.topics_file.write_text("topics:\n  acme: 'a OR'\n")
    settings.data_dir.write_text("a file stands in the way")
    findings = wrong(settings)
    assert "column 5" in findings["topics"].found
    assert "UNDERTONE_DATA_DIR" in findings["data folder"].fix
    assert not findings["store"].ok, "the embedded store lies there too"


def test_streams_that_are_missing_and_there(tmp_path: Path, kafka: KafkaServer) -> None:
    prefix = f"check-{uuid4().hex[:8]}."
    settings = settings_of(tmp_path, streams_url=kafka.url, streams_prefix=prefix)
    findings = wrong(settings)
    assert set(findings) == {prefix + n for n in ("posts", "scores", "dead-letters", "alerts")}
    assert findings[prefix + "posts"].fix == "undertone streams create"
    streams = pipeline.make_streams(settings)
    assert isinstance(streams, KafkaStreams)
    streams.create_streams(dict.fromkeys(findings, 3))
    streams.close()
    assert not wrong(settings)
    assert found(settings)[prefix + "posts"].found == "3 partitions"


def test_a_wrong_password_is_said_so(tmp_path: Path, kafka: KafkaServer) -> None:
    def settings(password: str) -> Settings:
        return Settings(
            topics_file=settings_of(tmp_path).topics_file,
            streams_url=kafka.sasl_url,
            streams_prefix="check-none.",
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_mechanism="PLAIN",
            kafka_username=USER,
            kafka_password=SecretStr(password),
        )

    assert found(settings(PASSWORD))["streams"].ok
    refused = found(settings("hush"))["streams"]
    assert not refused.ok
    assert "kafka_" in refused.fix
    assert "hush" not in refused.found


def test_a_store_that_would_lose_counts(tmp_path: Path, valkey: ValkeyServer) -> None:
    settings = settings_of(tmp_path, store_url=valkey.url)
    assert not wrong(settings)
    store = valkey.open()
    try:
        store.client.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        store.client.call("CONFIG", "SET", "appendonly", "no")
        findings = wrong(settings)
        assert "noeviction" in findings["store's eviction"].fix
        assert "appendonly yes" in findings["store's persistence"].fix
        store.client.call("REPLICAOF", "127.0.0.1", "1")
        assert "replica" in wrong(settings)["store's role"].found
    finally:
        store.client.call("REPLICAOF", "NO", "ONE")
        store.client.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        store.client.call("CONFIG", "SET", "appendonly", "yes")
        store.close()


def test_networks_on_triton(tmp_path: Path, triton: Triton) -> None:
    settings = settings_of(tmp_path, classifier_url=f"grpc://{triton.url}")
    assert found(settings)["networks"].ok
