"""What one core must bear, by processor time: what else runs on the machine counts little."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

from models.tokenizer import Tokenizer
from services.inference.pictures import pixels
from tests.bench.processor_time import rate

SAMPLE = Path(__file__).parents[3] / "deploy" / "sample"
PICTURES_PER_S, TEXTS_PER_S = 500, 20_000
ROUNDS = 5


def test_pictures_are_decoded_faster_than_the_networks_take_them() -> None:
    jpegs = [file.read_bytes() for file in sorted((SAMPLE / "media").glob("*.jpg"))[:60]]
    assert rate(lambda: [pixels(jpeg) for jpeg in jpegs], len(jpegs), ROUNDS) > PICTURES_PER_S


def test_texts_become_tokens_faster_than_anything_else_is_done_to_them() -> None:
    """Texts never seen, of words that have been: what a stream is made of."""
    with gzip.open(SAMPLE / "posts.jsonl.gz", "rt", encoding="utf-8") as lines:
        words = [word for line in lines for word in json.loads(line)["text"].split()]
    dice, tokenizer = random.Random(1), Tokenizer.load()
    texts = [" ".join(dice.choices(words, k=15)) for _ in range(500)]
    tokenizer.encode_batch(words)
    assert rate(lambda: tokenizer.encode_batch(texts), len(texts), ROUNDS) > TEXTS_PER_S
