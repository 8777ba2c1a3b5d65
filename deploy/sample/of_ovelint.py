"""What people post about the phone: the phone itself, its screens, charts, and photographs."""

from __future__ import annotations

import random

from canvas import BLUE, GREY, INK, PAPER, RED, crop, grain, left, phone_screen, photo, sheet, words
from PIL import Image, ImageDraw, ImageEnhance


def phone(rng: random.Random, i: int) -> Image.Image:
    """The made-up phone, its back or its front."""
    tint = ((60, 130, 100), (50, 54, 66), (210, 200, 186), (90, 100, 160), (190, 110, 110))[i]
    image = sheet(
        320,
        400,
        ((238, 236, 230), (200, 206, 214), (80, 84, 92), (230, 220, 200), (210, 216, 206))[i],
        (150, 150, 148),
    )
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((86, 40, 234, 360), 24, fill=tint, outline=INK, width=3)
    if i in (0, 2, 4):
        draw.rounded_rectangle((100, 54, 166, 150), 18, fill=INK)
        for y in (62, 106):
            draw.ellipse((112, y, 152, y + 38), fill=(40, 50, 70), outline=GREY, width=3)
        words(image, (160, 260), "ovelint", 22, PAPER if i != 2 else INK)
    else:
        screen = photo(("", "salmon", "", "grass", "")[i]).resize((132, 296))
        image.paste(screen, (94, 52))
        words(image, (160, 110), f"{rng.randint(9, 17)}:{rng.randint(10, 59)}", 36, PAPER)
    return grain(image, rng)


def battery(rng: random.Random, i: int) -> Image.Image:
    image = phone_screen(rng, "Battery", INK)
    level = (11, 4, 58, 15)[i]
    tint = RED if level < 20 else (60, 170, 90)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 110, 230, 190), 12, outline=INK, width=5)
    draw.rectangle((232, 136, 242, 164), fill=INK)
    draw.rectangle((68, 118, 68 + 154 * level / 100, 182), fill=tint)
    words(image, (150, 228), f"{level}%", 44, tint)
    points = [
        (30 + 24 * n, 300 + (100 - level) * 1.4 * (n / 10) + rng.uniform(-3, 3)) for n in range(11)
    ]
    draw.line(points, fill=BLUE, width=4)
    draw.line((30, 280, 30, 450, 280, 450), fill=INK, width=2)
    return image


def crack(rng: random.Random, i: int) -> Image.Image:
    image = sheet(300, 400, ((110, 100, 92), (150, 148, 140), (90, 96, 88))[i])
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 30, 240, 370), 24, fill=(20, 22, 28), outline=GREY, width=4)
    centre = (rng.randint(110, 190), rng.randint(90, 300))
    for _ in range(16):
        x, y = centre
        for _ in range(5):
            step = (x + rng.randint(-44, 44), y + rng.randint(-64, 64))
            step = (max(66, min(234, step[0])), max(36, min(364, step[1])))
            draw.line((x, y, *step), fill=(210, 216, 222), width=rng.choice((1, 1, 2)))
            x, y = step
    return grain(image, rng)


def bench(rng: random.Random, i: int) -> Image.Image:
    image = sheet(460, 300, PAPER)
    draw = ImageDraw.Draw(image)
    left(
        image,
        (20, 24),
        ("Overall score", "Frames per second", "Price", "Camera start, seconds")[i],
        20,
    )
    draw.line((50, 50, 50, 260, 440, 260), fill=INK, width=2)
    if i == 1:
        draw.line(
            [(50 + x, 120 + rng.uniform(-5, 5)) for x in range(0, 390, 10)], fill=BLUE, width=3
        )
        return image
    for n, name in enumerate(("last year's", "Ovelint Two")):
        height = ((150, 155), (0, 0), (140, 168), (70, 190))[i][n]
        draw.rectangle((110 + 160 * n, 260 - height, 200 + 160 * n, 260), fill=(GREY, BLUE)[n])
        words(image, (155 + 160 * n, 280), name, 16)
    return image


def hot(rng: random.Random, i: int) -> Image.Image:
    image = phone_screen(rng, "Ovelint", INK)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((138, 110, 162, 250), 12, outline=INK, width=4)
    draw.rectangle((145, 150 - 10 * i, 155, 250), fill=RED)
    draw.ellipse((126, 236, 174, 284), fill=RED)
    words(
        image,
        (150, 316),
        ("Device too hot", "Charging paused", f"{rng.randint(44, 51)} degrees")[i],
        24,
    )
    words(image, (150, 352), "Let it cool down", 16, GREY)
    return image


def moon(rng: random.Random, _i: int) -> Image.Image:
    image = sheet(320, 320, (8, 10, 20))
    draw = ImageDraw.Draw(image)
    draw.ellipse((70, 70, 250, 250), fill=(222, 218, 200))
    for _ in range(26):
        x, y, size = rng.randint(90, 216), rng.randint(90, 216), rng.randint(4, 22)
        draw.ellipse((x, y, x + size, y + size), fill=(rng.randint(180, 206),) * 3)
    return grain(image, rng, 20)


def night(_rng: random.Random, i: int) -> Image.Image:
    if i == 2:
        return ImageEnhance.Brightness(photo("dam")).enhance(0.4)
    return crop(photo("stars"), (0.0, 0.4)[i], (0.1, 0.4)[i], 0.5)


def photos(_rng: random.Random, i: int) -> Image.Image:
    """What people point their phones at."""
    names = ("moose", "grass", "gravel", "windmill", "perch", "pan", "salmon", "raccoon")
    if i < len(names):
        return photo(names[i])
    image = crop(photo(("moose", "raccoon", "windmill")[i - len(names)]), 0.25, 0.1, 0.6)
    return ImageEnhance.Color(image).enhance(1.5)
