"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

NAME_WIDTH = 10
"""What the first column, a name, gets at least; a longer one is folded."""
UNBOUNDED = 10_000


def fitted(table: Table, console: Console) -> Table:
    """The table without the last columns where not all fit beside a readable first one.

    Left alone, the library takes the room from the first column until it is gone. Order columns
    by what matters most.
    """
    name = table.columns[0]
    name.overflow, name.min_width, name.max_width = "fold", NAME_WIDTH, NAME_WIDTH
    options = console.options.update(max_width=UNBOUNDED)
    while (
        len(table.columns) > 2 and Measurement.get(console, options, table).minimum > console.width
    ):
        table.columns.pop()
    name.max_width = None
    return table
