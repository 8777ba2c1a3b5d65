"""Every picture of the sample archive, by group: photographs, and what we draw ourselves.

What is drawn here is dedicated to the public domain (CC0); the photographs are
listed in ATTRIBUTION.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from canvas import (
    APRICOT,
    BLUE,
    BROWN,
    GREY,
    INK,
    PAPER,
    RED,
    SEA,
    button,
    crop,
    font,
    grain,
    left,
    phone_screen,
    photo,
    sheet,
    words,
)
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

Draw = Callable[[random.Random, int], Image.Image]

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


def shown(name: str) -> Draw:
    """A photograph as it is."""
    return lambda _rng, _i: photo(name)


def photos(_rng: random.Random, i: int) -> Image.Image:
    """What people point their phones at."""
    names = ("moose", "grass", "gravel", "windmill", "perch", "pan", "salmon", "raccoon")
    if i < len(names):
        return photo(names[i])
    image = crop(photo(("moose", "raccoon", "windmill")[i - len(names)]), 0.25, 0.1, 0.6)
    return ImageEnhance.Color(image).enhance(1.5)


GROUPS: dict[str, tuple[Draw, int]] = {
    "pay": (pay, 5), "card": (card, 4), "chart": (chart, 4), "balance": (balance, 3),
    "balance-zero": (balance_zero, 4), "error": (error, 7), "declined": (declined, 5),
    "queue": (queue, 3), "status": (status, 4), "meme-fine": (meme_fine, 2),
    "meme-cash": (meme_cash, 1), "meme-pots": (meme_pots, 1),
    "cup": (cup, 8), "latte": (latte, 5), "bag": (bag, 4), "menu": (menu, 3),
    "shop": (shop, 3), "stamp": (stamp, 4), "cat": (cat, 3),
    "phone": (phone, 5), "battery": (battery, 4), "crack": (crack, 3), "bench": (bench, 4),
    "hot": (hot, 3), "moon": (moon, 2), "night": (night, 3), "photo": (photos, 11),
    "moose": (shown("moose"), 1), "fish": (shown("perch"), 1), "goldfish": (shown("goldfish"), 1),
    "brick": (shown("brick"), 1), "windmill": (shown("windmill"), 1), "dam": (shown("dam"), 1),
    "solar": (shown("solar"), 1), "rocket": (shown("rocket"), 1), "stars": (shown("stars"), 1),
    "clock": (shown("clock"), 1), "raccoon": (shown("raccoon"), 1),
}  # fmt: skip
"""Each group of pictures: how one is made, and how many there are."""
