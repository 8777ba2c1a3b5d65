"""Parameters that several routes take, with what is allowed."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import Path, Query

from services.records import NAMESPACE, TIME_END_MS

LATEST_MS: Final = TIME_END_MS - 1
"""Nothing later is counted."""

Namespace = Annotated[
    str | None,
    Query(
        pattern=NAMESPACE,
        description="Whose figures. Default: live, or the newest replay where live has nothing.",
    ),
]
Window = Annotated[
    Literal["1m", "5m", "15m", "1h", "24h"], Query(description="The rolling window.")
]
TopicName = Annotated[str, Path(max_length=100, description="A topic's name.")]
From = Annotated[
    int | None,
    Query(alias="from", ge=0, le=LATEST_MS, description="First time, ms since 1970 UTC."),
]
To = Annotated[
    int | None,
    Query(alias="to", ge=0, le=LATEST_MS, description="Time to stop before, ms since 1970 UTC."),
]
Created = Annotated[
    int, Query(ge=0, le=LATEST_MS, description="The post's time: where it is kept by.")
]
Limit = Annotated[int, Query(ge=1, le=500)]
