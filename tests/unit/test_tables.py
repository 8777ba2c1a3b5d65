"""A table keeps its names on a terminal of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from services.aggregation.commands import rolling_table
from services.cli.show import topics_table
from services.store.reader import Sums, Totals
from services.tables import fitted

ROW = {
    "end_ms": 0, "count": 123_456, "negative_share": 1.0, "neutral_share": 0.1,
    "positive_share": 0.1, "mean_score": -0.123, "standard_error": 0.123, "authors": 1234,
    "late": 0,
}  # fmt: skip


def drawn(width: int, name: str = "Murrowbean") -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(fitted(rolling_table({name: ROW}, "live", "5m"), console))
    totals = {name: Totals(sums=Sums(negative=9), first_post_ms=0, last_post_ms=1)}
    console.print(fitted(topics_table("live", totals, {name: "▁" * 16}), console))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_names_are_whole_and_no_figure_is_cut(width: int) -> None:
    text = drawn(width)
    assert text.count("Murrowbean") == 2
    assert "123456" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_everything_stands_on_eighty_columns() -> None:
    text = drawn(80)
    assert "late" in text
    assert "mood over time" in text


def test_a_long_name_is_folded_before_a_column_goes() -> None:
    text = drawn(80, "q" * 60)
    assert "late" in text
    assert text.count("q") == 2 * 60
