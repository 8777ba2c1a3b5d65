"""What a streams URL names. Drivers are imported when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from services.errors import UsageError
from services.stream.port import Streams


def open_streams(
    url: str,
    *,
    partitions: int = 1,
    journals: Mapping[str, Path] | None = None,
    security_protocol: str = "PLAINTEXT",
    sasl_mechanism: str = "PLAIN",
    username: str = "",
    password: SecretStr | None = None,
    ca_file: str = "",
    cert_file: str = "",
    key_file: str = "",
) -> Streams:
    """`memory://`, or `kafka://host:port,host:port`.

    `partitions` and `journals` are for memory streams, which come to be when named
    and are kept where a journal (stream to file) says so. The
    security options are Kafka's own; files are PEM. `UsageError` for a URL that
    names no driver, and for credentials that the broker refuses.
    """
    scheme, mark, rest = url.partition("://")
    if scheme == "memory" and mark and not rest:
        from services.stream.memory import MemoryStreams

        return MemoryStreams(partitions, journals=journals)
    if scheme == "kafka" and rest:
        from services.stream.kafka import KafkaStreams
        from services.stream.security import Security

        security = Security(
            security_protocol, sasl_mechanism, username, password, ca_file, cert_file, key_file
        )
        return KafkaStreams(rest.rstrip("/").split(","), security)
    raise UsageError(
        f"the streams URL {url!r} names no driver: use memory:// or kafka://host:port,host:port"
    )
