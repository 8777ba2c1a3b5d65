"""Writes `undertone.example.toml`: every setting with its description and default.

python -m services.settings.example > undertone.example.toml
"""

from __future__ import annotations

from typing import Any, Final

from services.settings.dashboard import DashboardSettings
from services.settings.grafana import GrafanaSettings
from services.settings.model import Settings
from services.settings.receivers import ReceiverSettings
from services.settings.sources import SourceSettings

HEAD: Final = """\
# Settings of Undertone. Copy to undertone.toml and take the # away from what you change.
# Each is also a variable (batch_size: UNDERTONE_BATCH_SIZE), which goes before this file.
# What has no default shows an example."""

SECTIONS: Final = {
    "data_dir": "Where things are",
    "batch_size": "Micro-batches",
    "allowed_lateness_s": "Time",
    "partitions": "Kafka",
    "triton_tls": "Triton",
    "store_username": "Redis or Valkey",
    "media_fetch": "Pictures",
    "bluesky_hosts": "Live sources",
    "metrics_host": "Health and metrics of each process",
    "dashboard_host": "The dashboard",
    "notify_terminal": "Who is told of alerts",
    "grafana_url": "Grafana",
}
"""The first setting of each section."""

_PARTS: Final = frozenset(
    name
    for part in (SourceSettings, DashboardSettings, ReceiverSettings, GrafanaSettings)
    for name in part.model_fields
)
"""Settings that stand in files of their own: after the others."""


def example_toml() -> str:
    """The whole file."""
    lines = [HEAD]
    for name, field in sorted(Settings.model_fields.items(), key=lambda f: f[0] in _PARTS):
        if name in SECTIONS:
            lines += ["", f"## {SECTIONS[name]}"]
        shown = field.default if field.default is not None else (field.examples or [""])[0]
        lines += ["", f"# {field.description}", f"# {name} = {_toml(shown)}"]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool | int | float) else f'"{value}"'


if __name__ == "__main__":
    print(example_toml(), end="")
