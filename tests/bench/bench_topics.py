"""How fast posts are matched against many topics, on one core.

    python -m tests.bench.bench_topics [posts] [topics]

Words are drawn by Zipf's law from a vocabulary of 50,000, for posts (18 words,
some with a hashtag or a mention) and for topics alike, each of five terms in
the forms people write; so common words stand in topics too. Every other post
is not ASCII (an emoji, an accent, typographic quotation marks), one in twenty
Japanese. Seconds are the processor's. The last line is JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from itertools import accumulate

from services.topics import PostView, Topic, Topics
from services.topics.parser import parse

VOCABULARY = 50_000
FORMS = (
    "{0} {1} ({2} OR {3} OR {4})",
    '"{0} {1}" OR #{2} OR {3} OR @{4}',
    "{0} OR {1} OR #{2} -{3} -{4}",
    '({0} OR "{1} {2}") lang:en -is:repost -{3} -"{4}"',
    "from:{0} OR ({1} {2} has:images) OR (#{3} #{4})",
)


def _words(rng: random.Random) -> tuple[list[str], list[float]]:
    letters = "etaoinshrdlu"
    names = {"".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(2 * VOCABULARY)}
    names -= {"or", "and", "not"}
    ordered = sorted(names, key=lambda word: (len(word), word))[:VOCABULARY]
    weights = (1 / (rank + 10) for rank in range(len(ordered)))
    return ordered, list(accumulate(weights))


def make_posts(count: int, rng: random.Random) -> list[PostView]:
    words, weights = _words(random.Random(1))
    posts = []
    for index in range(count):
        text = rng.choices(words, cum_weights=weights, k=18)
        if index % 3 == 0:
            text[5] = f"#{text[5]}"
        if index % 4 == 0:
            text[0] = f"@{text[0]}"
        if index % 5 == 0:
            text.append("https://t.co/a1B2c3D4e5")
        if index % 2 == 0:
            text[3] = f"“{text[3]}” 😀 é"
        if index % 20 == 0:
            text[4:] = ["新しい電話の写真がとてもきれいで、みんなに見せたくなりました"]
        posts.append(
            PostView(" ".join(text), "en", "x", str(index), f"user{index}", has_images=True)
        )
    return posts


def make_topics(count: int, rng: random.Random) -> Topics:
    """Terms from the middle of the vocabulary: nobody monitors `the`, nor what is never said."""
    words, weights = _words(random.Random(1))
    start = 200
    above = [weight - weights[start - 1] for weight in weights[start:]]
    queries = [
        rng.choice(FORMS).format(*rng.choices(words[start:], cum_weights=above, k=5))
        for _ in range(count)
    ]
    return Topics(Topic(f"topic {i}", query, parse(query)) for i, query in enumerate(queries))


def measure(topics: Topics, posts: Sequence[PostView]) -> dict[str, float]:
    started = time.process_time()
    matches = sum(len(topics.match(post)) for post in posts)
    seconds = time.process_time() - started
    return {
        "topics": len(topics),
        "posts": len(posts),
        "posts_per_core_s": round(len(posts) / seconds),
        "matches_per_post": round(matches / len(posts), 2),
    }


def main(posts: int = 50_000, topics: int = 1_000) -> dict[str, object]:
    rng = random.Random(7)
    prepared = make_posts(posts, rng)
    small = measure(make_topics(10, rng), prepared)
    print(f"10 topics: {small['posts_per_core_s']:,.0f} posts/s")
    return {"bench": "topics", **measure(make_topics(topics, rng), prepared)}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
