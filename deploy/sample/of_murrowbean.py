"""What people post about the coffee roaster: cups, foam drawings, bags, menus, the cat."""

from __future__ import annotations

import random

from canvas import APRICOT, BROWN, GREY, INK, PAPER, crop, grain, photo, sheet, words
from PIL import Image, ImageDraw, ImageEnhance, ImageOps


def cup(rng: random.Random, i: int) -> Image.Image:
    coffee = photo("coffee")
    if i < 5:
        place = (
            (0, 0, 1.0),
            (0.12, 0.08, 0.8),
            (0.3, 0.1, 0.66),
            (0.05, 0.2, 0.72),
            (0.2, 0.0, 0.9),
        )[i]
        image = crop(coffee, *place)
        return ImageOps.mirror(image) if i in (3, 4) else image
    image = sheet(
        320, 300, ((236, 222, 200), (200, 216, 220), (222, 200, 196))[i - 5], (180, 160, 140)
    )
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 190, 280, 270), fill=(240, 238, 232), outline=GREY)
    draw.rounded_rectangle(
        (86, 90, 226, 236), 40, fill=((250, 250, 246), (60, 110, 120), APRICOT)[i - 5]
    )
    draw.arc((206, 120, 268, 196), 270, 90, fill=GREY, width=12)
    draw.ellipse((92, 74, 220, 118), fill=BROWN)
    draw.ellipse((118, 82, 194, 110), fill=(206, 168, 126))
    for x in (130, 156, 182):
        draw.arc((x - 12, 20, x + 12, 64), 90, 270, fill=PAPER, width=4)
    return grain(image, rng)


def latte(rng: random.Random, i: int) -> Image.Image:
    """A cup from above with a drawing in the foam: heart, hedgehog, shrimp, ghost, swan."""
    image = sheet(
        300, 300, ((120, 88, 62), (86, 96, 100), (150, 120, 96), (70, 60, 66), (180, 160, 140))[i]
    )
    draw = ImageDraw.Draw(image)
    foam = (240, 222, 196)
    draw.ellipse((20, 20, 280, 280), fill=PAPER)
    draw.ellipse((38, 38, 262, 262), fill=(150, 96, 56))
    if i == 0:
        draw.ellipse((90, 100, 155, 165), fill=foam)
        draw.ellipse((145, 100, 210, 165), fill=foam)
        draw.polygon(((94, 148), (206, 148), (150, 220)), fill=foam)
    elif i == 1:
        draw.ellipse((90, 110, 220, 200), fill=foam)
        for n in range(12):
            draw.line((110 + 8 * n, 130, 104 + 9 * n, 90), fill=foam, width=5)
        draw.ellipse((104, 146, 114, 156), fill=BROWN)
    elif i == 2:
        draw.arc((90, 90, 210, 210), 40, 320, fill=foam, width=28)
        draw.line((196, 110, 246, 84), fill=foam, width=4)
        draw.ellipse((184, 108, 194, 118), fill=BROWN)
    elif i == 3:
        draw.rounded_rectangle((105, 85, 195, 215), 44, fill=foam)
        draw.ellipse((126, 120, 142, 140), fill=BROWN)
        draw.ellipse((158, 120, 174, 140), fill=BROWN)
    else:
        for ring in range(4):
            draw.arc(
                (80 + 14 * ring, 90 + 18 * ring, 220 - 14 * ring, 220), 0, 180, fill=foam, width=8
            )
        draw.arc((140, 70, 190, 140), 90, 330, fill=foam, width=12)
    return grain(image, rng)


def bag(rng: random.Random, i: int) -> Image.Image:
    image = sheet(
        320,
        380,
        ((226, 214, 198), (198, 208, 200), (216, 200, 206), (190, 196, 210))[i],
        (150, 136, 122),
    )
    draw = ImageDraw.Draw(image)
    tint = (APRICOT, BROWN, (96, 120, 96), (150, 70, 80))[i]
    draw.polygon(((80, 60), (240, 60), (256, 340), (64, 340)), fill=tint)
    draw.rectangle((80, 46, 240, 70), fill=INK)
    draw.rectangle((92, 140, 228, 260), fill=PAPER)
    words(image, (160, 168), "MURROWBEAN", 18, BROWN)
    words(image, (160, 202), ("spring roast", "house blend", "decaf", "kenya")[i], 18)
    words(image, (160, 234), ("apricot", "cocoa", "caramel", "currant")[i], 14, GREY)
    return grain(image, rng)


def menu(rng: random.Random, i: int) -> Image.Image:
    image = sheet(320, 400, (40, 52, 46), (28, 36, 34))
    ImageDraw.Draw(image).rectangle((6, 6, 313, 393), outline=(140, 100, 60), width=10)
    words(image, (160, 48), "Murrowbean", 28, APRICOT)
    rows = (
        ("flat white  3.2", "cortado  2.9", "one more won't hurt  3.0", "half a cake  1.6"),
        ("soup of the day  5.5", "cinnamon bun  2.8", "gf brownie  2.9", "rhubarb fizz  3.4"),
        ("pay for a stranger", "coffees waiting: 14", "thank you!", "long day? 20% off"),
    )[i]
    for row, text in enumerate(rows):
        words(image, (160, 120 + 62 * row), text, 22, PAPER)
    return grain(image, rng, 8)


def shop(rng: random.Random, i: int) -> Image.Image:
    image = crop(photo("brick"), (0, 0.1, 0.2)[i], 0.05, 0.8)
    image = ImageOps.colorize(
        ImageOps.grayscale(image),
        (50, 20, 14),
        ((226, 160, 130), (210, 190, 170), (190, 140, 120))[i],
    )
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 24, 280, 80), fill=((40, 60, 52), BROWN, (60, 50, 80))[i])
    words(image, (150, 52), "murrowbean", 32, PAPER)
    draw.rectangle((40, 110, 180, 230), fill=(250, 222, 150), outline=INK, width=6)
    draw.line((110, 110, 110, 230), fill=INK, width=5)
    draw.rectangle((204, 120, 262, 300), fill=(70, 50, 40), outline=INK, width=5)
    for x in range(50, 180, 26):
        draw.ellipse((x, 222, x + 24, 246), fill=(60, rng.randint(110, 160), 70))
    return grain(image, rng)


def stamp(rng: random.Random, i: int) -> Image.Image:
    image = sheet(420, 280, (196, 176, 150), (160, 140, 118))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((30, 30, 390, 250), 14, fill=PAPER)
    words(image, (210, 62), "Murrowbean: the tenth is ours", 20, BROWN)
    for n in range(10):
        x, y = 62 + 62 * (n % 5), 96 + 74 * (n // 5)
        draw.ellipse((x, y, x + 52, y + 52), outline=BROWN, width=3)
        if n < (10, 9, 4, 7)[i]:
            draw.ellipse((x + 8 + rng.randint(-3, 3), y + 8, x + 44, y + 44), fill=APRICOT)
    return grain(
        image.rotate((0, 4, -5, 2)[i], Image.Resampling.BICUBIC, fillcolor=(170, 150, 128)), rng
    )


def cat(_rng: random.Random, i: int) -> Image.Image:
    image = photo("cat")
    if i == 1:
        return crop(image, 0.2, 0.05, 0.7)
    if i == 2:
        return ImageEnhance.Color(ImageOps.mirror(image)).enhance(0.35)
    return image
