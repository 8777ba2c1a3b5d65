"""Made-up people: user names put together from two plain words, never a person's name."""

from __future__ import annotations

import random
from typing import Any

FIRST = """
soggy tin velvet paper sleepy crooked lemon hollow rusty mild windy spare quiet odd brisk
plaid minty dusty fuzzy humble salty loose amber pocket marsh cobble wobbly gravel parsley
thimble noon candle drizzle mustard
""".split()  # noqa: SIM905
SECOND = """
otter teapot ladder pigeon biscuit kettle walnut gutter mitten turnip heron trolley button
puddle pickle radio bramble lantern hinge badger spoon tractor moth plank gasket wren dumpling
attic ferry noodle
""".split()  # noqa: SIM905
BIOS = (
    "mostly soup and trains", "two dogs, one brain cell", "opinions my own, typos too",
    "gardening badly since 2009", "night shift", "here for the pictures", "",
    "maths teacher, tired", "runs slowly", "bread, bikes, bad puns", "market stall on saturdays",
)  # fmt: skip
PLACES = ("", "", "up north", "the seaside", "third floor", "near the canal", "Lisboa", "Hamburg")


def make_people(count: int, rng: random.Random) -> list[dict[str, Any]]:
    """`count` users in the platform's form, all different."""
    names = [(a, b) for a in FIRST for b in SECOND]
    rng.shuffle(names)
    return [_person(a, b, rng) for a, b in names[:count]]


def make_brand(name: str, handle: str, rng: random.Random) -> dict[str, Any]:
    return {**_user(name, handle, rng), "verified": True, "description": f"{name} is made up."}


def _person(first: str, second: str, rng: random.Random) -> dict[str, Any]:
    handle = f"{first}{rng.choice(('', '_'))}{second}{rng.choice(('', '', '_', '7', '88', '404'))}"
    shown = rng.choice((f"{first} {second}", f"{first.title()} {second.title()}", f"{second} 🌧"))
    user = _user(shown, handle[:15], rng)
    return {**user, "description": rng.choice(BIOS), "location": rng.choice(PLACES) or None}


def _user(name: str, handle: str, rng: random.Random) -> dict[str, Any]:
    number = rng.randint(10**17, 17 * 10**17)
    return {
        "id": number,
        "id_str": str(number),
        "name": name,
        "screen_name": handle,
        "location": None,
        "url": None,
        "description": None,
        "protected": False,
        "verified": False,
        "followers_count": int(rng.paretovariate(0.9) * 40),
        "friends_count": rng.randint(20, 1900),
        "listed_count": rng.randint(0, 12),
        "favourites_count": rng.randint(10, 30_000),
        "statuses_count": rng.randint(30, 60_000),
        "created_at": f"Mon Jul {rng.randint(1, 28):02} 10:20:30 +0000 {rng.randint(2009, 2024)}",
        "default_profile": True,
        "default_profile_image": rng.random() < 0.2,
        "profile_image_url_https": f"https://pictures.example.com/profile_images/{number}.jpg",
    }
