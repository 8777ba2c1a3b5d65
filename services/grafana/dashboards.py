"""All dashboards, as provisioning and the files of docker-compose have them.

python -m services.grafana.dashboards deploy/grafana/dashboards     writes the files
"""

from __future__ import annotations

import json
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Any

from services.grafana.operations import operations
from services.grafana.overview import overview
from services.grafana.topic import topic

Json = dict[str, Any]


def dashboards() -> list[Json]:
    """Each with its uid, without an id: Grafana gives that."""
    return [overview(), topic(), operations()]


def digest(dashboard: Json) -> str:
    """The same for the same dashboard."""
    text = json.dumps(dashboard, sort_keys=True, ensure_ascii=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def written(dashboard: Json) -> str:
    """A dashboard as its file."""
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def file_name(dashboard: Json) -> str:
    return f"{dashboard['uid']}.json"


def write(folder: Path) -> None:
    """Every dashboard into the folder, and nothing else in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        stale.unlink()
    for dashboard in dashboards():
        (folder / file_name(dashboard)).write_text(written(dashboard), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
