"""Copies are found, and never stand on two sides of a split."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.data import MVSA_PAIRS, held_back, load_pairs, load_tweets
from models.describe import describe
from models.folds import across, copies, cross_fold_copies, folds, groups, text_key
from models.picture import decode, perceptual_hash
from models.signature import LABELS
from tests.unit.models.made import NEU, parquet, picture


def test_tweets_are_split_by_their_words_alone(tmp_path: Path) -> None:
    texts = [f"tweet number {n} about something" for n in range(400)]
    path = parquet(
        tmp_path / "t",
        text=[*texts, "RT @a: Tweet number 0 about something! http://x"],
        label=["neutral"] * 401,
    )
    tweets = load_tweets(path)
    assert sum(tweets.dropped.values()) == 1
    assert 20 <= len(tweets.part("test")[0]) <= 60
    for text, split in zip(tweets.texts, tweets.split, strict=True):
        assert held_back(text_key(text)) == split
    fewer = load_tweets(path, without=texts[:50])
    assert len(fewer.texts) == 350


def test_copies_never_stand_on_two_sides_of_a_fold() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 600, p=[0.3, 0.1, 0.6])
    texts = [f"some words of text {i % 450}" for i in range(600)]
    group = groups(600, copies(texts))
    for seed in (0, 1):
        tested: list[int] = []
        for fold in folds(labels, group, seed=seed):
            assert cross_fold_copies(fold, group) == 0
            assert sorted([*fold.train, *fold.dev, *fold.test]) == list(range(600))
            assert len(fold.test) == pytest.approx(60, abs=6)
            assert np.bincount(labels[fold.test])[NEU] == pytest.approx(6, abs=3)
            tested += fold.test.tolist()
        assert len(tested) == len(set(tested))
    first, again = (folds(labels, group, seed=3)[0].test for _ in range(2))
    assert (first == again).all()


def test_a_picture_is_recognised_when_resized_and_recompressed() -> None:
    original = decode(picture(5, (300, 280)))
    out = io.BytesIO()
    Image.fromarray(original).resize((150, 140)).save(out, "JPEG", quality=60)
    hashes = np.stack([perceptual_hash(p) for p in (original, decode(out.getvalue()))])
    other = np.stack([perceptual_hash(decode(picture(seed))) for seed in range(6, 26)])
    found = copies([""] * 22, np.concatenate([hashes, other]))
    assert found == [(0, 1, "picture")]
    assert across(["train", "dev"] + ["train"] * 20, found) == found


@pytest.mark.slow
@pytest.mark.skipif(not MVSA_PAIRS.is_file(), reason="no ../shared/data")
def test_the_data_at_hand() -> None:
    pairs = load_pairs()
    assert np.bincount(pairs.labels).tolist() == [1187, 414, 2364]
    assert len(LABELS) == 3
    found = across(pairs.split, copies(pairs.texts))
    assert found, "the published split has copies across its parts"
    tweets = load_tweets(without=pairs.texts)
    keys = {text_key(text) for text in pairs.texts}
    assert not [text for text in tweets.part("train")[0] if text_key(text) in keys]


def test_the_data_is_described(tmp_path: Path) -> None:
    count = 60
    columns = {
        "id": [str(n) for n in range(count)],
        "text": [f"a text of its own {max(n, 2)}" for n in range(count)],
        "label": [LABELS[n % 3] for n in range(count)],
        "image": [picture(max(n, 1)) for n in range(count)],
        "split": ["train"] * 2 + ["dev"] * (count - 2),
    }
    found = describe(load_pairs(parquet(tmp_path / "a", **columns)))
    assert found["pairs"] == {"negative": 20, "neutral": 20, "positive": 20, "all": 60}
    assert found["copies"] == {"text": 2, "picture": 1}
    assert found["copies_across_published_split"] == {"text": 1}
    assert found["copies_across_folds"] == 0
