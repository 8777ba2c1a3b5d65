"""Writes the sample archive: `posts.jsonl.gz` (Twitter's Streaming API v1.1) and `media/`.

    python deploy/sample/build.py              # both, and media.json, which names the pictures
    python deploy/sample/build.py FILE.gz      # the posts alone, with the pictures that are there

The sentences in `texts/` and the pictures in `pictures.py` are put on an
afternoon's time line, with reposts that spread in cascades, quotes and replies.
The seed is fixed: the same program writes the same archive.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import re
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from people import make_brand, make_people
from PIL import Image
from texts import Sentence, read_sentences
from tweets import Media, reply_to, repost, tweet

HERE = Path(__file__).parent
SEED = 20260317
MIDNIGHT_MS = int(datetime(2026, 3, 17, tzinfo=UTC).timestamp() * 1000)
END_MS = MIDNIGHT_MS + 18 * 3_600_000
BRANDS = {
    "pennivane": ("Pennivane", "Pennivane", ("@Pennivane", "#Pennivane")),
    "murrowbean": ("Murrowbean", "MurrowbeanCo", ("@MurrowbeanCo", "#Murrowbean")),
    "ovelint": ("Ovelint", "OvelintPhones", ("#OvelintTwo", "@OvelintPhones")),
}
"""Name, handle, and what is put behind a text that does not name its brand."""
REPOSTS = 360
"""How many reposts there are in all."""


def make_media() -> dict[str, list[Media]]:
    """Draw every picture into `media/`, named by its content; the names by group."""
    from pictures import GROUPS

    folder = HERE / "media"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    groups: dict[str, list[Media]] = {}
    for group, (draw, count) in GROUPS.items():
        for index in range(count):
            image = draw(random.Random(f"{group}{index}"), index)
            groups.setdefault(group, []).append(_save(_fit(image), folder))
    (HERE / "media.json").write_text(json.dumps(groups, indent=1) + "\n", "utf-8")
    return groups


def _fit(image: Image.Image) -> Image.Image:
    """The short side at most 320 pixels."""
    share = 320 / min(image.size)
    if share >= 1:
        return image
    return image.resize((round(image.width * share), round(image.height * share)))


def _save(image: Image.Image, folder: Path) -> Media:
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=80, optimize=True)
    digest = hashlib.sha256(image.tobytes()).digest()
    name = f"G{digest.hex()[:14]}.jpg"
    (folder / name).write_bytes(data.getvalue())
    number = 2_030_000_000_000_000_000 + int.from_bytes(digest[:6])
    return Media(name, number, image.width, image.height)


def make_posts(groups: dict[str, list[Media]]) -> list[dict[str, Any]]:
    """Every post, by time."""
    rng = random.Random(SEED)
    people = iter(make_people(900, rng))
    brands = {key: make_brand(name, handle, rng) for key, (name, handle, _) in BRANDS.items()}
    turn: dict[str, int] = {}
    originals: list[tuple[Sentence, dict[str, Any]]] = []
    later: list[Sentence] = []
    for sentence in read_sentences():
        if sentence.section in ("quotes", "replies"):
            later.append(sentence)
            continue
        user = brands[sentence.brand] if sentence.official else next(people)
        media, text = _pick(groups, sentence, turn, rng), _named(sentence, rng)
        post = tweet(rng, _moment(sentence, rng), user, text, sentence.lang, media)
        originals.append((sentence, post))
    answers = [_answer(s, originals, next(people), groups, turn, rng) for s in later]
    reposts = _cascades(originals, [next(people) for _ in range(300)], rng)
    posts = [post for _, post in originals] + answers + reposts
    return sorted(posts, key=lambda post: post["id"])


def _moment(sentence: Sentence, rng: random.Random) -> int:
    """A time in the sentence's section; an official word comes near its beginning."""
    span = (sentence.last_minute - sentence.first_minute) * 60_000
    share = rng.random() * (0.15 if sentence.official else 1.0)
    return MIDNIGHT_MS + sentence.first_minute * 60_000 + round(span * share)


def _named(sentence: Sentence, rng: random.Random) -> str:
    """The text, with the brand behind it where it doesn't name it; a reply needs no name."""
    if not sentence.group or re.search(sentence.brand, sentence.text, re.IGNORECASE):
        return sentence.text
    tags = BRANDS[sentence.brand][2]
    if sentence.brand == "pennivane" and sentence.section != "before":
        tags = (*tags, "#PennivaneDown", "#PennivaneDown")
    return f"{sentence.text} {rng.choice(tags)}"


def _pick(
    groups: dict[str, list[Media]], sentence: Sentence, turn: dict[str, int], rng: random.Random
) -> list[Media]:
    """The group's next pictures in turn; one post in twelve has two."""
    if not sentence.group:
        return []
    group = groups[sentence.group]
    count = 2 if len(group) > 1 and rng.random() < 1 / 12 else 1
    start = turn.get(sentence.group, 0)
    turn[sentence.group] = start + count
    return [group[(start + n) % len(group)] for n in range(count)]


def _answer(
    sentence: Sentence,
    originals: list[tuple[Sentence, dict[str, Any]]],
    user: dict[str, Any],
    groups: dict[str, list[Media]],
    turn: dict[str, int],
    rng: random.Random,
) -> dict[str, Any]:
    """A quote of, or a reply to, a post about the same brand in the same stretch of time."""
    about = [
        post
        for s, post in originals
        if s.brand == sentence.brand
        and s.last_minute > sentence.first_minute
        and not s.official
        and (s.group == sentence.group or (not sentence.group and s.section != "before"))
    ]
    target = rng.choice(about)
    moment = min(int(target["timestamp_ms"]) + rng.randint(90_000, 1_500_000), END_MS - 1)
    text, media = _named(sentence, rng), _pick(groups, sentence, turn, rng)
    if sentence.section == "quotes":
        return tweet(rng, moment, user, text, sentence.lang, media, quoted=target)
    handle = target["user"]["screen_name"]
    post = tweet(rng, moment, user, f"@{handle} {text}", sentence.lang, media)
    return reply_to(post, target)


def _cascades(
    originals: list[tuple[Sentence, dict[str, Any]]],
    people: list[dict[str, Any]],
    rng: random.Random,
) -> list[dict[str, Any]]:
    """Reposts: a few posts get many, most get one or none; each person passes a post on once."""
    weights = [
        (12.0 if s.viral else min(8.0, rng.paretovariate(1.3))) * (0.2 if s.official else 1.0)
        for s, _ in originals
    ]
    by: dict[int, list[dict[str, Any]]] = {}
    found: list[dict[str, Any]] = []
    while len(found) < REPOSTS:
        _, post = rng.choices(originals, weights)[0]
        moment = int(post["timestamp_ms"]) + round(rng.expovariate(1 / 1_500_000)) + 4_000
        fans = by.setdefault(post["id"], rng.sample(people, len(people)))
        if moment < END_MS and fans:
            found.append(repost(rng, moment, fans.pop(), post))
    return found


def main(target: Path | None = None) -> None:
    if target is None:
        groups = make_media()
    else:
        saved = json.loads((HERE / "media.json").read_text("utf-8"))
        groups = {group: [Media(*item) for item in items] for group, items in saved.items()}
    posts = make_posts(groups)
    lines = [json.dumps(post, ensure_ascii=False, separators=(",", ":")) for post in posts]
    data = gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)
    (target or HERE / "posts.jsonl.gz").write_bytes(data)
    print(f"{len(lines)} posts")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
