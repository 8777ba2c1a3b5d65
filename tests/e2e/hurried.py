"""`undertone` with X's pauses a fiftieth of what X asks for: a test can't wait out each 429.

python -m tests.e2e.hurried ingest --source x
"""

from __future__ import annotations

from collections.abc import Callable

from services.cli import main
from services.ingest import x_socket

HURRY = 0.02


def _hurried(pause_s: Callable[[int], float]) -> Callable[[int], float]:
    return lambda count: pause_s(count) * HURRY


if __name__ == "__main__":
    x_socket.PAUSES = {kind: _hurried(pause) for kind, pause in x_socket.PAUSES.items()}
    main()
