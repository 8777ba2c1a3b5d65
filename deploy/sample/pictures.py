"""Every picture of the sample archive, by group: photographs, and what we draw ourselves.

What is drawn here is dedicated to the public domain (CC0); the photographs are
listed in ATTRIBUTION.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from canvas import photo
from of_murrowbean import bag, cat, cup, latte, menu, shop, stamp
from of_ovelint import battery, bench, crack, hot, moon, night, phone, photos
from of_pennivane import (
    balance,
    balance_zero,
    card,
    chart,
    declined,
    error,
    meme_cash,
    meme_fine,
    meme_pots,
    pay,
    queue,
    status,
)
from PIL import Image

Draw = Callable[[random.Random, int], Image.Image]


def shown(name: str) -> Draw:
    """A photograph as it is."""
    return lambda _rng, _i: photo(name)


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
