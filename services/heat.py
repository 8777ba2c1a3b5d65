"""What a network looked at, as weights of words and as a drawing.

Attention says where a network looked, not why it decided: a heat map is a
hint. Pillow is all that is needed to draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.signature import REGIONS
from models.tokenizer import Token

SIDE = int(REGIONS**0.5)

_WIDTH = 360  # of one network's panel, in pixels
_MARGIN = 12
_LINE = 24
_LONGEST = 30  # characters of a segment that are drawn in one piece
_HEAT = (255, 70, 0)
_INK, _PAPER, _FAINT = (20, 20, 20), (255, 255, 255), (120, 120, 120)

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class WordWeight:
    """A stretch of the original text and its share of the attention on words."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class View:
    """What one network made of a pair. `regions` (SIDE, SIDE), None without a picture."""

    title: str
    words: tuple[WordWeight, ...]
    regions: NDArray[np.float32] | None
    picture_weight: float


def word_weights(text: str, tokens: list[Token], attention: NDArray[Any]) -> list[WordWeight]:
    """Attention (MAX_TOKENS,) on the words as they stand in `text`, in their order.

    Pieces of one word are added up; [CLS] and [SEP] are left out, so that the
    sum may be less than 1.
    """
    weights: dict[tuple[int, int], float] = {}
    for token, weight in zip(tokens, attention.tolist(), strict=False):
        if token.end > token.start:
            span = (token.start, token.end)
            weights[span] = weights.get(span, 0.0) + weight
    return [WordWeight(text[a:b], a, b, weight) for (a, b), weight in weights.items()]


def region_name(index: int) -> str:
    """Where region `index` of the centred square lies: "top left", "middle", ..."""
    row, column = divmod(index, SIDE)
    vertical = ("top", "", "bottom")[_third(row)]
    horizontal = ("left", "", "right")[_third(column)]
    return " ".join(part for part in (vertical, horizontal) if part) or "middle"


def _third(at: int) -> int:
    return 3 * at // SIDE


def draw(picture: Image.Image | None, text: str, views: list[View]) -> Image.Image:
    """Side by side, for each network: the picture under its heat, the words shaded."""
    panels = [_panel(picture, text, view) for view in views]
    height = max(panel.height for panel in panels)
    sheet = Image.new("RGB", (_WIDTH * len(panels), height), _PAPER)
    for number, panel in enumerate(panels):
        sheet.paste(panel, (number * _WIDTH, 0))
    return sheet


def _panel(picture: Image.Image | None, text: str, view: View) -> Image.Image:
    font = ImageFont.load_default(15)
    shown = _heated(picture, view.regions) if picture is not None else None
    lines = list(_lines(_segments(text, view.words), font, _WIDTH - 2 * _MARGIN))
    top = 3 * _LINE
    height = top + (shown.height + _MARGIN if shown else 0) + _LINE * len(lines) + _MARGIN
    panel = Image.new("RGB", (_WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(panel)
    pen.text((_MARGIN, _MARGIN // 2), view.title, _INK, font)
    weighed = f"picture {view.picture_weight:.0%}, words {1 - view.picture_weight:.0%}"
    pen.text((_MARGIN, _LINE + _MARGIN // 2), weighed, _FAINT, font)
    if shown:
        panel.paste(shown, (_MARGIN, top))
        top += shown.height + _MARGIN
    for number, line in enumerate(lines):
        _write(pen, line, top + number * _LINE, font)
    return panel


def _heated(picture: Image.Image, regions: NDArray[np.float32] | None) -> Image.Image:
    """The picture, heat on the centred square that the network saw, the rest faded."""
    width = _WIDTH - 2 * _MARGIN
    height = min(max(1, round(width * picture.height / picture.width)), 2 * width)
    base = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    side = min(width, height)
    corner = ((width - side) // 2, (height - side) // 2)
    faded = Image.blend(base, Image.new("RGB", base.size, _PAPER), 0.7)
    square = base.crop((*corner, corner[0] + side, corner[1] + side))
    if regions is not None:
        square.paste(_HEAT, (0, 0), _mask(regions, side))
    faded.paste(square, corner)
    return faded


def _mask(regions: NDArray[np.float32], side: int) -> Image.Image:
    """Opacity of the heat, 0 at the least and 60 % at the most attended region."""
    low, high = float(regions.min()), float(regions.max())
    scaled = (regions - low) / (high - low) if high > low else np.zeros_like(regions)
    cells = Image.fromarray(np.rint(scaled * 153).astype(np.uint8))
    return cells.resize((side, side), Image.Resampling.BICUBIC)


Segment = tuple[str, float]
"""A stretch without white space, and how dark its shade is (0..1)."""


def _segments(text: str, words: tuple[WordWeight, ...]) -> Iterator[Segment]:
    """All of the text up to its last token, white space as empty segments."""
    strongest = max((word.weight for word in words), default=0.0) or 1.0
    at = 0
    for word in sorted(words, key=lambda w: w.start):
        yield from _plain(text[at : word.start])
        for cut in range(word.start, word.end, _LONGEST):
            shown = text[cut : min(cut + _LONGEST, word.end)]
            yield _printable(shown), word.weight / strongest
        at = max(at, word.end)
    if text[at:].strip():
        yield from _plain(text[at : at + _LONGEST] + (" …" if len(text) - at > _LONGEST else ""))


def _plain(text: str) -> Iterator[Segment]:
    for number, part in enumerate(text.split(" ")):
        if number:
            yield "", 0.0
        if part.strip():
            yield _printable(part), 0.0


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


Placed = tuple[float, Segment]


def _lines(
    segments: Iterator[Segment], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> Iterator[list[Placed]]:
    """Segments with their x, wrapped to `width`."""
    line: list[Placed] = []
    x = 0.0
    for text, shade in segments:
        size = font.getlength(text) if text else font.getlength(" ")
        if x + size > width and line:
            yield line
            line, x = [], 0.0
        if text:
            line.append((x, (text, shade)))
        if text or line:
            x += size
    if line:
        yield line


def _write(
    pen: ImageDraw.ImageDraw,
    line: list[Placed],
    y: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    for x, (text, shade) in line:
        left = _MARGIN + x
        if shade:
            box = (left, y, left + font.getlength(text), y + _LINE - 3)
            pen.rectangle(box, fill=_shade(shade))
        pen.text((left, y + 2), text, _INK, font)


def _shade(strength: float) -> Rgb:
    """From white to the heat's colour at 80 %."""
    part = 0.8 * min(max(strength, 0.0), 1.0)
    red, green, blue = (round(p + (h - p) * part) for p, h in zip(_PAPER, _HEAT, strict=True))
    return red, green, blue
