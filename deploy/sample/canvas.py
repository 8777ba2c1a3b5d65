"""What the drawn pictures of the sample archive share: canvas, words, edges, film grain."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).parent
Colour = tuple[int, int, int]

INK: Colour = (28, 30, 38)
PAPER: Colour = (250, 249, 246)
GREY: Colour = (140, 143, 150)
RED: Colour = (206, 54, 54)
SEA: Colour = (26, 128, 108)
"""Pennivane's green."""
BROWN: Colour = (92, 58, 36)
APRICOT: Colour = (240, 164, 96)
BLUE: Colour = (52, 84, 160)


def font(size: int) -> ImageFont.FreeTypeFont:
    """Aileron (CC0), which comes inside Pillow."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


def sheet(width: int, height: int, top: Colour, bottom: Colour | None = None) -> Image.Image:
    """A canvas, shaded from top to bottom where two colours are given."""
    if bottom is None:
        return Image.new("RGB", (width, height), top)
    image = Image.new("RGB", (1, height))
    for y in range(height):
        share = y / height
        image.putpixel(
            (0, y), tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True))
        )
    return image.resize((width, height))


def words(
    image: Image.Image, at: tuple[float, float], text: str, size: int, colour: Colour = INK
) -> None:
    """Text centred at a point."""
    ImageDraw.Draw(image).text(at, text, font=font(size), fill=colour, anchor="mm")


def left(
    image: Image.Image, at: tuple[float, float], text: str, size: int, colour: Colour = INK
) -> None:
    ImageDraw.Draw(image).text(at, text, font=font(size), fill=colour, anchor="lm")


def phone_screen(rng: random.Random, title: str, tint: Colour) -> Image.Image:
    """A screenshot 300 pixels wide: status bar and the app's heading."""
    image = sheet(300, 480, PAPER)
    draw = ImageDraw.Draw(image)
    left(image, (12, 12), f"{rng.randint(12, 17)}:{rng.randint(0, 59):02}", 12)
    draw.rectangle((262, 7, 286, 17), outline=INK)
    draw.rectangle((264, 9, 264 + rng.randint(4, 20), 15), fill=INK)
    draw.rectangle((0, 24, 300, 74), fill=tint)
    words(image, (150, 49), title, 20, PAPER)
    return image


def button(image: Image.Image, y: int, text: str, colour: Colour) -> None:
    ImageDraw.Draw(image).rounded_rectangle((40, y, 260, y + 44), 12, fill=colour)
    words(image, (150, y + 22), text, 16, PAPER)


def photo(name: str) -> Image.Image:
    """One of the public-domain photographs in `sources/`."""
    return Image.open(HERE / "sources" / f"{name}.jpg").convert("RGB")


def crop(image: Image.Image, x: float, y: float, share: float) -> Image.Image:
    """The part of a picture that begins at (x, y), all as shares of its sides, made 300 wide."""
    width, height = image.size
    box = (x * width, y * height, min(1, x + share) * width, min(1, y + share) * height)
    part = image.crop(tuple(map(round, box)))  # type: ignore[arg-type]
    return part.resize((300, round(300 * part.height / part.width)), Image.Resampling.LANCZOS)


def grain(image: Image.Image, rng: random.Random, strength: int = 14) -> Image.Image:
    """Sensor noise and a little blur, so that a drawing looks photographed."""
    noise = Image.frombytes("L", image.size, rng.randbytes(image.width * image.height))
    noise = noise.point(lambda value: (value - 128) * strength // 128 + 128)
    rgb = Image.merge("RGB", (noise, noise, noise))
    blurred = image.filter(ImageFilter.GaussianBlur(0.7))
    return Image.blend(blurred, rgb, 0.12)
