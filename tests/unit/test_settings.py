"""Settings: who goes before whom, and what is said about a mistake."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from services.errors import UsageError
from services.records import valid_namespace
from services.settings import Settings, load_settings
from services.settings.example import SECTIONS, example_toml
from services.settings.model import SECRETS

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [n for n in os.environ if n.startswith("UNDERTONE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def refused(**overrides: object) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(**overrides)  # type: ignore[arg-type]
    return str(caught.value)


def test_defaults_are_the_embedded_mode() -> None:
    settings = load_settings()
    assert (settings.streams_url, settings.classifier_url, settings.store_url) == (
        "memory://",
        "local://",
        "embedded://",
    )
    assert settings.data_dir == Path.home() / ".local/share/undertone"


def test_command_line_before_environment_before_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("undertone.toml").write_text("batch_size = 1\npartitions = 2\nreplication = 3\n")
    monkeypatch.setenv("UNDERTONE_BATCH_SIZE", "11")
    monkeypatch.setenv("UNDERTONE_PARTITIONS", "12")
    settings = load_settings(batch_size=21, in_flight=None)
    assert (settings.batch_size, settings.partitions, settings.replication) == (21, 12, 3)


def test_file_named_by_option_or_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("batch_size = 5\n")
    (tmp_path / "b.toml").write_text("batch_size = 6\n")
    monkeypatch.setenv("UNDERTONE_CONFIG", str(tmp_path / "a.toml"))
    assert load_settings().batch_size == 5
    assert load_settings(tmp_path / "b.toml").batch_size == 6
    assert "no settings file" in refused(config=tmp_path / "c.toml")


@pytest.mark.parametrize("namespace", ["café", "a b", "a/b", ""])
def test_a_namespace_is_one_that_records_take(namespace: str) -> None:
    assert not valid_namespace(namespace)
    assert "namespace" in refused(namespace=namespace)


def test_unknown_names_are_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("undertone.toml").write_text("batchsize = 1\n")
    assert refused() == "undertone.toml: unknown key 'batchsize'; did you mean 'batch_size'?"
    Path("undertone.toml").unlink()
    assert "did you mean 'topics_file'?" in refused(topic_file="x")
    monkeypatch.setenv("UNDERTONE_STREAM_URL", "memory://")
    message = refused()
    assert "UNDERTONE_STREAM_URL" in message
    assert "UNDERTONE_STREAMS_URL" in message


def test_service_links_of_kubernetes_are_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DASHBOARD_PORT", "DASHBOARD_SERVICE_HOST", "DASHBOARD_PORT_80_TCP_ADDR"):
        monkeypatch.setenv(f"UNDERTONE_{name}", "tcp://10.0.0.1:80")
    load_settings()


@pytest.mark.parametrize(
    "name", ["STORE_URL", "CLASSIFIER_URL", "STREAMS_URL", "GRAFANA_URL", "DASHBOARD_URL"]
)
@pytest.mark.parametrize("scheme", ["https", "postgres"])
def test_passwords_in_addresses_are_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    monkeypatch.setenv(f"UNDERTONE_{name}", f"{scheme}://somebody:secret@word@example.com/x")
    assert "secret" not in refused()


def test_every_mistake_is_listed_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("undertone.toml").write_text("partitions = 0\n")
    monkeypatch.setenv("UNDERTONE_BATCH_SIZE", "many")
    message = refused(streams_url="kafka://")
    assert "partitions (from undertone.toml): input should be greater" in message
    assert "batch_size (from environment): " in message
    assert "found 'many'" in message
    assert "streams_url (from command line): expected an address after kafka://" in message


def test_empty_variables_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_KAFKA_PASSWORD", "")
    monkeypatch.setenv("UNDERTONE_METRICS_PORT", "")
    assert load_settings().metrics_port is None


def test_secrets_from_variable_or_file_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hush-hush\n")
    monkeypatch.setenv("UNDERTONE_STORE_PASSWORD_FILE", str(tmp_path / "secret"))
    settings = load_settings()
    assert settings.store_password is not None
    assert settings.store_password.get_secret_value() == "hush-hush"
    assert "hush-hush" not in repr(settings)
    monkeypatch.setenv("UNDERTONE_STORE_PASSWORD", "hush-hush")
    message = refused()
    assert "both set" in message
    assert "hush-hush" not in message
    assert "command line" in refused(store_password="hush-hush")
    monkeypatch.delenv("UNDERTONE_STORE_PASSWORD")
    monkeypatch.setenv("UNDERTONE_STORE_PASSWORD_FILE", "/nowhere/secret")
    assert "can't read /nowhere/secret" in refused()


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        ("streams_url", "redis://h:1", "memory://, kafka://"),
        ("streams_url", "memory://host", "takes no address"),
        ("store_url", "redis://:hush@h:1/0", "takes no password"),
        ("store_url", "localhost:6379", "embedded://, redis://, rediss://, redis+cluster://"),
        ("classifier_url", "http://h:8000", "local://, grpc://"),
    ],
)
def test_urls_name_what_is_known(name: str, url: str, expected: str) -> None:
    message = refused(**{name: url})
    assert expected in message
    assert "hush" not in message


def test_sasl_needs_a_user() -> None:
    assert "needs kafka_username" in refused(kafka_security_protocol="SASL_SSL")


def test_broken_toml_names_its_line() -> None:
    Path("undertone.toml").write_text("batch_size = 1\nbatch_size = 2\n")
    assert "line 2" in refused()
    Path("undertone.toml").write_bytes(b"\xff\xfe")
    assert "undertone.toml" in refused()


def test_every_setting_is_described_and_has_a_unit_in_its_name() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        if field.annotation in (int, float) and re.search(r"long|silent|wait", field.description):
            assert name.endswith(("_ms", "_s", "_h")), name
    assert set(SECTIONS) <= set(Settings.model_fields)
    assert all(f"{name}_file" in Settings.model_fields for name in SECRETS)


def test_example_file_is_the_model_and_parses_as_it_stands() -> None:
    example = (ROOT / "undertone.example.toml").read_text("utf-8")
    assert example == example_toml(), "run: python -m services.settings.example > undertone.exa…"
    for line in example.splitlines():
        if line.startswith("# ") and " = " in line and "_file = " not in line:
            Path("undertone.toml").write_text(line.removeprefix("# ") + "\n")
            load_settings()
