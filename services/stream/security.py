"""How to be let in by a Kafka cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.errors import UsageError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True, slots=True)
class Security:
    """Kafka's own options, as kafka-python takes them. Files are PEM."""

    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""
    username: str = ""
    password: SecretStr | None = None
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def options(self) -> dict[str, Any]:
        """Keyword arguments for a client. `UsageError` for what can't work."""
        if self.protocol not in PROTOCOLS:
            raise UsageError(
                f"the Kafka security protocol {self.protocol!r} is none of {', '.join(PROTOCOLS)}"
            )
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.startswith("SASL_"):
            options |= self._sasl()
        if self.protocol.endswith("SSL"):
            options |= self._tls()
        return options

    def _sasl(self) -> dict[str, Any]:
        if not self.username or self.password is None:
            raise UsageError(f"{self.protocol} needs a Kafka user name and a password")
        return {
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password.get_secret_value(),
        }

    def _tls(self) -> dict[str, Any]:
        files = {
            "ssl_cafile": self.ca_file,
            "ssl_certfile": self.cert_file,
            "ssl_keyfile": self.key_file,
        }
        for option, path in files.items():
            if path and not Path(path).is_file():
                raise UsageError(f"there is no file {path} ({option} of Kafka)")
        return {option: path for option, path in files.items() if path}
