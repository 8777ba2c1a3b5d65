"""Parameters that several routes take, with what is allowed."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import Path, Query

LATEST_MS: Final = 10**13 - 1
"""In the year 2286; nothing later is counted."""

Namespace = Annotated[
    str | None,
    Query(
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
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
