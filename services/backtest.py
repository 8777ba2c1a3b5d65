"""A back-test: the alerts that a rule set would have raised over an archive.

The archive is replayed with everything in this process, into a folder that is thrown away
afterwards. A second rule set is judged beside the first, on the same scores.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from services.replay import Outcome, Watch, replay
from services.replay import Request as ReplayRequest
from services.settings import Settings

NAMESPACE = "backtest"


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    archives: tuple[Path, ...]
    topics: Path
    compare: Path | None = None
    media: Path | None = None
    format: str = ""
    columns: str = ""
    notify: bool = False


def backtest(settings: Settings, request: Request, stop: Event, watch: Watch) -> Outcome:
    """Replay the archives into a folder of their own, and judge them by one or two rule sets."""
    with tempfile.TemporaryDirectory(prefix="undertone-backtest-") as folder:
        own = {
            "data_dir": Path(folder),
            "streams_url": "memory://",
            "store_url": "embedded://",
            "notify_replays": request.notify,
            "metrics_port": None,
        }
        replayed = ReplayRequest(
            request.archives,
            request.topics,
            media=request.media,
            format=request.format,
            columns=request.columns,
            namespace=NAMESPACE,
            beside=request.compare,
        )
        return replay(settings.model_copy(update=own), replayed, stop, watch)
