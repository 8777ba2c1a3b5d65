"""Reads the sentences in `texts/`: a file a brand, a section a stretch of the afternoon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SECTION = re.compile(r"\[(\w+) (\d\d):(\d\d) (\d\d):(\d\d)\]")
LINE = re.compile(r"(\*?)(?:\{(\w\w)\})?([\w/-]+) \| (.+)")


@dataclass(frozen=True)
class Sentence:
    """One text as somebody wrote it, and where it belongs."""

    brand: str
    section: str
    first_minute: int
    last_minute: int
    """Minutes of the day between which the section's posts lie."""
    text: str
    group: str
    """Of pictures; empty for a post of words only."""
    lang: str
    viral: bool
    official: bool


def read_sentences() -> list[Sentence]:
    """Every sentence of every brand."""
    return [
        sentence
        for path in sorted((HERE / "texts").glob("*.txt"))
        for sentence in _read(path.stem, path.read_text("utf-8"))
    ]


def _read(brand: str, text: str) -> Iterator[Sentence]:
    section: tuple[str, int, int] | None = None
    for line in text.splitlines():
        if found := SECTION.fullmatch(line):
            h1, m1, h2, m2 = map(int, found.groups()[1:])
            section = (found[1], 60 * h1 + m1, 60 * h2 + m2)
        elif line and not line.startswith("#"):
            parts = LINE.fullmatch(line)
            if parts is None or section is None:
                raise ValueError(f"{brand}: {line}")
            star, lang, group, words = parts.groups()
            yield Sentence(
                brand,
                *section,
                text=words,
                group="" if group == "-" else group.removeprefix("brand/"),
                lang=lang or "en",
                viral=bool(star),
                official=group.startswith("brand/"),
            )
