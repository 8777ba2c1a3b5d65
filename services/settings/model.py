"""The settings themselves: names with their units, defaults, what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from services.settings.dashboard import DASHBOARD_SECRETS, DashboardSettings
from services.settings.grafana import GRAFANA_SECRETS, GrafanaSettings
from services.settings.receivers import RECEIVER_SECRETS, ReceiverSettings
from services.settings.sources import SOURCE_SECRETS, SourceSettings

PREFIX: Final = "UNDERTONE_"
SECRETS: Final = (
    "kafka_password",
    "store_password",
    *SOURCE_SECRETS,
    *DASHBOARD_SECRETS,
    *RECEIVER_SECRETS,
    *GRAFANA_SECRETS,
)
"""Each may stand in a file of its own, named by `<secret>_file`."""

SCHEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "streams_url": ("memory", "kafka"),
    "classifier_url": ("local", "grpc"),
    "store_url": ("embedded", "redis", "rediss", "redis+cluster", "rediss+cluster"),
}


class Settings(DashboardSettings, ReceiverSettings, GrafanaSettings, SourceSettings):
    """All settings, flat. Hops take what they need as plain constructor arguments."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    # Where things are
    data_dir: Path = Field(
        Path("~/.local/share/undertone"),
        description="Folder of the embedded mode's state: the store's files, cursors, spools.",
    )
    topics_file: Path = Field(
        Path("topics.yaml"), description="What is monitored; see topics.example.yaml."
    )
    streams_url: str = Field(
        "memory://", description="memory:// in this process, or kafka://host:port,host:port."
    )
    streams_prefix: str = Field(
        "undertone.", description="Put before the name of every Kafka topic and consumer group."
    )
    classifier_url: str = Field(
        "local://", description="local:// in this process, or Triton at grpc://host:port."
    )
    store_url: str = Field(
        "embedded://",
        description="embedded:// (a Valkey of our own in data_dir), or redis://host:port/0; "
        "rediss:// for TLS, redis+cluster:// for a cluster.",
    )
    namespace: str = Field(
        "live",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Keeps figures apart: live ones here, each replay in one of its own.",
    )

    # Micro-batches
    batch_size: int = Field(64, ge=1, le=4096, description="Posts in a micro-batch, at most.")
    batch_wait_ms: int = Field(
        50, ge=0, le=10_000, description="How long a micro-batch waits to be full."
    )
    in_flight: int = Field(
        4, ge=1, le=64, description="Micro-batches submitted to the classifier and not yet done."
    )
    threads: int = Field(
        0, ge=0, le=1024, description="Processor threads of the local classifier; 0: all cores."
    )

    # Time
    allowed_lateness_s: int = Field(
        30, ge=0, description="How long a live window waits for posts that come late."
    )
    idle_after_s: int = Field(
        60, ge=1, description="A live partition silent for this long holds no window back."
    )
    id_memory_h: int = Field(
        24,
        ge=1,
        description="Post ids are remembered this long, and older posts refused: what "
        "makes each post count once.",
    )

    # Kafka
    partitions: int = Field(6, ge=1, description="Partitions of the streams that are created.")
    replication: int = Field(1, ge=1, description="Replicas of each partition; 3 in production.")
    retention_h: int = Field(168, ge=1, description="How long Kafka keeps posts and scores.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    kafka_username: str | None = Field(
        None, examples=["undertone"], description="User name for SASL."
    )
    kafka_password: SecretStr | None = Field(None, examples=["…"], description="Password for SASL.")
    kafka_password_file: Path | None = Field(
        None, examples=["/run/secrets/kafka_password"], description="File with that password."
    )
    kafka_ca_file: Path | None = Field(
        None,
        examples=["/etc/undertone/kafka-ca.pem"],
        description="Authority of the brokers (PEM).",
    )
    kafka_cert_file: Path | None = Field(
        None,
        examples=["/etc/undertone/client.pem"],
        description="Our certificate, where asked for.",
    )
    kafka_key_file: Path | None = Field(
        None, examples=["/etc/undertone/client.key"], description="The key of our certificate."
    )

    # Triton
    triton_tls: bool = Field(False, description="Speak TLS with Triton.")
    triton_ca_file: Path | None = Field(
        None,
        examples=["/etc/undertone/triton-ca.pem"],
        description="Authority of the server (PEM).",
    )
    triton_cert_file: Path | None = Field(
        None,
        examples=["/etc/undertone/client.pem"],
        description="Our certificate, where asked for.",
    )
    triton_key_file: Path | None = Field(
        None, examples=["/etc/undertone/client.key"], description="The key of our certificate."
    )

    # Redis or Valkey
    store_username: str | None = Field(
        None, examples=["undertone"], description="User name, where access lists are used."
    )
    store_password: SecretStr | None = Field(
        None, examples=["…"], description="Password of the store."
    )
    store_password_file: Path | None = Field(
        None, examples=["/run/secrets/store_password"], description="File with that password."
    )
    store_ca_file: Path | None = Field(
        None, examples=["/etc/undertone/store-ca.pem"], description="Authority of the server (PEM)."
    )

    # Pictures
    media_fetch: Literal["live", "always", "never"] = Field(
        "live",
        description="Fetch pictures over the network: of live posts; also of archives "
        "(what the media folder lacks); or never.",
    )

    pictures_mb: int = Field(
        1024,
        ge=0,
        description="Embedded: disk space in data_dir for pictures to look at later, for two "
        "days at most; 0 keeps none. On Kafka they lie in the stream of posts.",
    )

    # Watching the watcher
    metrics_host: str = Field("127.0.0.1", description="Address of /healthz and /metrics.")
    metrics_port: int | None = Field(
        None,
        examples=[9464],
        ge=0,
        le=65_535,
        description="Their port (0: any free one). Unset: not served.",
    )

    @field_validator("*", mode="after")
    @classmethod
    def _expand_home(cls, value: Any) -> Any:
        return value.expanduser() if isinstance(value, Path) else value

    @field_validator(*SCHEMES, mode="after")
    @classmethod
    def _check_url(cls, url: str, info: Any) -> str:
        schemes = SCHEMES[info.field_name]
        found = urlsplit(url)
        if found.scheme not in schemes:
            raise ValueError(f"expected one of {', '.join(f'{s}://' for s in schemes)}")
        if found.password or (found.scheme == "kafka" and "@" in found.netloc):
            raise ValueError("takes no password: give it as a setting of its own (*_password_file)")
        in_process = found.scheme == schemes[0]
        if in_process == bool(found.netloc):
            raise ValueError(
                f"{schemes[0]}:// takes no address"
                if in_process
                else f"expected an address after {found.scheme}://"
            )
        return url

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in SECRETS:
            path = values.get(f"{name}_file")
            if not path:
                continue
            if values.get(name):
                raise ValueError(f"{name} and {name}_file are both set: leave one out")
            try:
                values[name] = Path(path).expanduser().read_text("utf-8").rstrip("\r\n")
            except OSError as error:
                raise ValueError(f"{name}_file: can't read {path} ({error.strerror})") from None
        return values

    @model_validator(mode="after")
    def _check_sasl(self) -> Self:
        sasl = self.kafka_security_protocol.startswith("SASL")
        if sasl and not (self.kafka_username and self.kafka_password):
            raise ValueError(
                f"kafka_security_protocol {self.kafka_security_protocol} needs "
                "kafka_username and kafka_password (or kafka_password_file)"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
