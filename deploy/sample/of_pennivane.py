"""What people post about the payments app: screenshots, cards, receipts, queues, memes."""

from __future__ import annotations

import random
from collections.abc import Callable

from canvas import (
    APRICOT,
    BLUE,
    GREY,
    INK,
    PAPER,
    RED,
    SEA,
    button,
    font,
    grain,
    left,
    phone_screen,
    sheet,
    words,
)
from PIL import Image, ImageDraw

SHOPS = ("Corner Grocer", "Rail Tickets", "Noodle Bar", "Green Market", "Window Cleaning")


ERRORS = (
    ("Something went wrong", "Please try again later", "PV-503"),
    ("Can't reach Pennivane", "Check your connection", "PV-504"),
    ("You were signed out", "Enter the code in your app", "PV-401"),
    ("Payment not sent", "The bank did not answer", "PV-502"),
    ("We can't load this", "Pull down to refresh", "PV-500"),
    ("Service unavailable", "We are working on it", "PV-503"),
    ("Unknown error", "Error while showing error", "PV-999"),
)


def pay(rng: random.Random, i: int) -> Image.Image:
    image = phone_screen(rng, "Pennivane", SEA)
    draw = ImageDraw.Draw(image)
    draw.ellipse((100, 110, 200, 210), fill=SEA)
    draw.line((124, 162, 144, 184, 178, 138), fill=PAPER, width=10)
    words(image, (150, 244), "Paid", 30)
    words(image, (150, 286), f"{rng.randint(3, 48)}.{rng.randint(0, 99):02}", 40, SEA)
    words(image, (150, 328), SHOPS[i], 18, GREY)
    button(image, 390, "Split this", SEA)
    return image


def card(rng: random.Random, i: int) -> Image.Image:
    tints = ((30, 140, 118), (70, 160, 190), (196, 120, 140), (60, 66, 90))
    image = sheet(420, 300, (214, 200, 182), (176, 160, 140))
    plate = Image.new("RGBA", (420, 300))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((60, 60, 360, 240), 18, fill=(*tints[i], 255))
    for wave in range(5):
        draw.arc(
            (40 + 30 * wave, 110, 300 + 30 * wave, 330), 200, 320, fill=(255, 255, 255, 90), width=4
        )
    draw.rounded_rectangle((86, 120, 130, 152), 5, fill=(220, 190, 110, 255))
    draw.text((84, 78), "pennivane", font=font(26), fill=(255, 255, 255, 255))
    draw.text(
        (84, 196),
        f"**** **** **** {rng.randint(1000, 9999)}",
        font=font(20),
        fill=(255, 255, 255, 220),
    )
    plate = plate.rotate(rng.uniform(-14, 14), Image.Resampling.BICUBIC)
    image.paste(plate, (0, 0), plate)
    return grain(image, rng)


def chart(rng: random.Random, i: int) -> Image.Image:
    image = phone_screen(rng, "Your week", SEA)
    draw = ImageDraw.Draw(image)
    tints = (SEA, APRICOT, BLUE, GREY, (150, 90, 160))
    start = 0.0
    if i % 2:
        for bar in range(7):
            height = rng.randint(20, 170)
            draw.rectangle((24 + 38 * bar, 290 - height, 50 + 38 * bar, 290), fill=tints[bar % 5])
            words(image, (37 + 38 * bar, 304), "MTWTFSS"[bar], 13, GREY)
    else:
        for tint, share in zip(tints, (0.41, 0.24, 0.16, 0.12, 0.07), strict=True):
            draw.pieslice((60, 100, 240, 280), start, start + 360 * share, fill=tint)
            start += 360 * share
        draw.ellipse((105, 145, 195, 235), fill=PAPER)
    for row, name in enumerate(("Snacks", "Rent", "Travel", "Misc")):
        draw.rectangle((40, 330 + 32 * row, 56, 346 + 32 * row), fill=tints[row])
        left(image, (70, 338 + 32 * row), f"{name}  {rng.randint(8, 410)}", 15)
    return image


def balance(rng: random.Random, i: int) -> Image.Image:
    image = phone_screen(rng, "Pennivane", SEA)
    words(image, (150, 130), f"{rng.randint(900, 3200):,}.{rng.randint(0, 99):02}", 44)
    words(image, (150, 172), "available", 16, GREY)
    draw = ImageDraw.Draw(image)
    for row, (name, full) in enumerate((("Sea trip", 0.8), ("Bills", 0.5), ("Do not touch", 0.3))):
        y = 220 + 66 * row
        left(image, (30, y), name, 16)
        draw.rounded_rectangle((30, y + 14, 270, y + 30), 8, fill=(220, 224, 222))
        full = min(1.0, full + i * 0.07)
        draw.rounded_rectangle((30, y + 14, 30 + 240 * full, y + 30), 8, fill=SEA)
    return image


def balance_zero(rng: random.Random, i: int) -> Image.Image:
    image = phone_screen(rng, "Pennivane", SEA)
    shown = ("0.00", "-2147483648", "-- . --", "0.00")[i]
    words(image, (150, 150), shown, 44 if len(shown) < 8 else 36, RED)
    words(image, (150, 196), "available", 16, GREY)
    for row, name in enumerate(("Sea trip", "Bills", "Savings")):
        left(image, (30, 250 + 56 * row), name, 17)
        words(image, (240, 250 + 56 * row), "0.00" if i != 2 else "?", 17, RED)
    words(image, (150, 440), "Could not refresh", 15, GREY)
    return image


def error(rng: random.Random, i: int) -> Image.Image:
    title, hint, code = ERRORS[i]
    image = phone_screen(rng, "Pennivane", (90, 96, 100) if i % 2 else SEA)
    draw = ImageDraw.Draw(image)
    draw.polygon(((150, 120), (206, 216), (94, 216)), fill=RED)
    words(image, (150, 186), "!", 50, PAPER)
    words(image, (150, 256), title, 23)
    words(image, (150, 290), hint, 16, GREY)
    words(image, (150, 318), code, 14, GREY)
    button(image, 380, "Try again", RED if i % 3 else GREY)
    return image


def declined(rng: random.Random, i: int) -> Image.Image:
    """A till's receipt on a counter."""
    image = sheet(320, 420, (120, 104, 92), (86, 74, 66))
    slip = Image.new("RGBA", (230, 360), (248, 246, 238, 255))
    draw = ImageDraw.Draw(slip)
    lines = [
        SHOPS[i],
        f"17/03/2026  {rng.randint(15, 17)}:{rng.randint(4, 59):02}",
        "- - - - - - - - - - -",
    ]
    lines += [
        f"item {n + 1}      {rng.randint(1, 30)}.{rng.randint(0, 99):02}" for n in range(2 + i % 3)
    ]
    for row, line in enumerate(lines):
        draw.text((24, 30 + 26 * row), line, font=font(16), fill=(60, 60, 60))
    draw.text((30, 236), "DECLINED", font=font(38), fill=(190, 40, 40))
    draw.text(
        (24, 294),
        ("CARD REFUSED 05", "ISSUER UNAVAILABLE 91", "DO NOT HONOUR")[i % 3],
        font=font(15),
        fill=(60, 60, 60),
    )
    slip = slip.rotate(rng.uniform(-9, 9), Image.Resampling.BICUBIC, expand=True)
    image.paste(slip, ((320 - slip.width) // 2, (420 - slip.height) // 2), slip)
    return grain(image, rng)


def queue(rng: random.Random, i: int) -> Image.Image:
    """People waiting before a till that takes no cards."""
    image = sheet(440, 300, ((232, 224, 208), (206, 216, 222), (222, 210, 214))[i], (170, 160, 150))
    draw = ImageDraw.Draw(image)
    for person in range(7 + i):
        x, height = 20 + 52 * person, rng.randint(96, 132)
        tint = tuple(rng.randint(50, 170) for _ in range(3))
        draw.rounded_rectangle((x, 270 - height, x + 42, 270), 16, fill=tint)  # type: ignore[arg-type]
        skin = rng.choice(((228, 190, 160), (176, 128, 96), (120, 84, 62)))
        draw.ellipse((x + 5, 236 - height, x + 37, 272 - height), fill=skin)
    draw.rectangle((250, 14, 430, 84), fill=PAPER, outline=INK, width=3)
    words(image, (340, 36), ("CASH ONLY", "NO CARDS TODAY", "SYSTEM DOWN")[i], 20, RED)
    words(image, (340, 64), "sorry!", 18)
    return grain(image, rng)


def status(rng: random.Random, i: int) -> Image.Image:
    image = sheet(460, 300, PAPER)
    draw = ImageDraw.Draw(image)
    if i == 0:
        left(image, (24, 34), "Pennivane status", 24)
        for row, name in enumerate(("Card payments", "App", "Transfers", "Support")):
            draw.ellipse((26, 78 + 48 * row, 46, 98 + 48 * row), fill=(60, 170, 90))
            left(image, (60, 88 + 48 * row), f"{name}: operational", 18)
        return image
    left(image, (20, 22), ("", "complaints / hour", "trust", "blood pressure")[i], 20)
    draw.line((40, 44, 40, 270, 440, 270), fill=INK, width=2)
    down = i == 2
    points = []
    for x in range(0, 401, 16):
        late = max(0, x - 200) / 200
        level = (0.85 - 0.8 * late) if down else (0.08 + 0.85 * late)
        points.append((40 + x, 270 - 220 * level + rng.uniform(-6, 6)))
    draw.line(points, fill=RED, width=4)
    if i == 1:
        draw.line((40, 262, 440, 262), fill=BLUE, width=4)
    words(image, (240, 286), "15:00", 14, GREY)
    return image


def meme(top: str, bottom: str, background: Callable[[], Image.Image]) -> Image.Image:
    image = background()
    draw = ImageDraw.Draw(image)
    for y, text in ((28, top), (image.height - 28, bottom)):
        draw.text(
            (image.width / 2, y),
            text,
            font=font(25),
            fill="white",
            anchor="mm",
            stroke_width=3,
            stroke_fill="black",
        )
    return image


def meme_fine(rng: random.Random, i: int) -> Image.Image:
    def fire() -> Image.Image:
        image = sheet(400, 300, (250, 190, 90), (220, 90, 40))
        draw = ImageDraw.Draw(image)
        for x in range(-20, 420, 26):
            draw.polygon(
                ((x, 300), (x + 22, rng.randint(130, 230)), (x + 46, 300)),
                fill=(rng.randint(200, 250), rng.randint(70, 150), 30),
            )
        draw.rounded_rectangle((160, 110, 240, 250), 12, fill=INK)
        draw.rectangle((168, 122, 232, 232), fill=(200, 230, 224))
        words(image, (200, 176), ":)", 30, SEA)
        return image

    return meme("A SMALL ISSUE", ("EVERYTHING IS OPERATIONAL", "YOUR MONEY IS SAFE")[i], fire)


def meme_cash(_rng: random.Random, _i: int) -> Image.Image:
    def notes() -> Image.Image:
        image = sheet(400, 300, (176, 150, 120))
        draw = ImageDraw.Draw(image)
        draw.ellipse((90, 160, 310, 270), fill=(170, 40, 50))
        for n in range(6):
            draw.rectangle(
                (110 + 28 * n, 90 + n % 2 * 16, 160 + 28 * n, 200),
                fill=(130, 170, 130),
                outline=(60, 100, 60),
                width=3,
            )
        draw.rectangle((90, 190, 310, 240), fill=(170, 40, 50))
        words(image, (200, 216), "BISCUITS", 24, PAPER)
        return image

    return meme("NAN'S BANK", "NEVER DOWN SINCE 1961", notes)


def meme_pots(_rng: random.Random, _i: int) -> Image.Image:
    def pot() -> Image.Image:
        image = sheet(400, 300, (60, 80, 120), (30, 40, 70))
        draw = ImageDraw.Draw(image)
        draw.polygon(((140, 130), (260, 130), (240, 240), (160, 240)), fill=(190, 110, 70))
        draw.ellipse((180, 80, 220, 120), fill=(230, 200, 90))
        return image

    return meme("DO NOT TOUCH", "(HEDGE FUND)", pot)
