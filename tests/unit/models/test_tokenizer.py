"""Tweets as they are, through the tokenizer that training and serving share."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signature import MAX_TOKENS
from models.tokenizer import Tokenizer, VocabularyError

TOKENIZER = Tokenizer.load()


def pieces(text: str) -> list[str]:
    return [token.text for token in TOKENIZER.tokens(text)][1:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I love it", "i love it"),
        ("RT @bob_1: nice", "@ nice"),
        ("@a.bsky.social @x@mastodon.social hi", "@ @ hi"),
        ("see http://t.co/Ab1?x=1", "see http"),
        ("日本http://t.co/x語", "日 本 http 語"),
        ("#BlackLivesMatter", "black lives matter"),
        ("#thatawkwardmoment", "that awkward moment"),
        ("#NYE2015", "ny ##e 2015"),
        ("soooooo goooood", "so good"),
        ("too 1000 coool", "too 1000 cool"),
        ("don't DONT can\u2019t isn`t I'm we'll", "do not do not can not is not i am we will"),
        (":) <3 :-( ;)", "smile love sad wink"),
        ("I\u2764\ufe0fNY", "i heart ny"),
        ("\U0001f1fa\U0001f1f8\U0001f1ec\U0001f1e7", "flag flag"),
        ("\U0001f44d\U0001f3fd", "thumbs up"),
        ("call 5551234567 at 10", "call number at 10"),
        ("no!!!!!!!!", "no ! ! !"),
        ("\uff26\uff35\uff2c\uff2c caf\u00e9", "full cafe"),
        ("a\u200bb", "ab"),
    ],
)
def test_a_tweet_becomes_words_that_the_encoder_knows(text: str, expected: str) -> None:
    assert " ".join(pieces(text)) == expected


@pytest.mark.parametrize("text", ["", "   \t\n", "\x00\x01", "\ud800", "\u200d\ufe0f"])
def test_a_text_without_tokens_is_all_padding(text: str) -> None:
    assert not TOKENIZER.encode(text).any()
    assert TOKENIZER.tokens(text) == []
    assert not TOKENIZER.truncated(text)


@pytest.mark.parametrize(
    "text",
    [
        "word " * 10_000,
        "\U0001f602" * 500,
        "مرحبا بالعالم " * 30,
        "漢字" * 1000,
        "สวัสดีครับ" * 300,
        "a" * 100_000,
        "#" + "abc" * 5000,
        "\ud83d\ude00 \udfff x",
        "e" + "\u0301" * 3000,
    ],
)
def test_no_text_breaks_it(text: str) -> None:
    began = time.process_time()
    ids = TOKENIZER.encode(text)
    assert ids.shape == (MAX_TOKENS,)
    assert ids.dtype == np.int32
    assert ids[0] == TOKENIZER.first
    assert time.process_time() - began < 0.5


def test_a_long_text_is_cut_and_says_so() -> None:
    fits, longer = "word " * (MAX_TOKENS - 2), "word " * (MAX_TOKENS - 1)
    assert not TOKENIZER.truncated(fits)
    assert TOKENIZER.truncated(longer)
    assert (TOKENIZER.encode(fits) == TOKENIZER.encode(longer)).all()
    assert TOKENIZER.encode(longer)[-1] == TOKENIZER.last


def test_tokens_point_back_into_the_text() -> None:
    text = "RT @bob: don't miss #ThrowbackThursday \U0001f602 caf\u00e9"
    spans = [text[token.start : token.end] for token in TOKENIZER.tokens(text)]
    assert spans[1] == "@bob:"
    assert spans[2:4] == ["don't", "don't"]
    assert "Thursday" in spans
    assert "\U0001f602" in spans
    assert spans[-2:] == ["caf\u00e9", ""]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_encode_and_tokens_agree_on_any_text(text: str) -> None:
    ids = TOKENIZER.encode(text)
    tokens = TOKENIZER.tokens(text)
    assert [token.id for token in tokens] == ids[ids != 0].tolist()
    assert all(0 <= token.start <= token.end <= len(text) for token in tokens)
    assert (Tokenizer(TOKENIZER.vocabulary[:3000]).encode(text) >= 0).all()


def test_a_batch_is_its_texts_one_by_one() -> None:
    texts = ["good", "", "#fail http://x.y :("]
    batch = TOKENIZER.encode_batch(texts)
    assert batch.shape == (3, MAX_TOKENS)
    assert (batch == np.stack([TOKENIZER.encode(text) for text in texts])).all()
    assert TOKENIZER.encode_batch([]).shape == (0, MAX_TOKENS)


@pytest.mark.parametrize("lines", [["[UNK]", "[PAD]"], ["[PAD]", "[UNK]", "[CLS]"], []])
def test_a_vocabulary_that_will_not_do_is_named(tmp_path: Path, lines: list[str]) -> None:
    file = tmp_path / "vocab.txt"
    file.write_text("\n".join(lines))
    with pytest.raises(VocabularyError, match="vocabulary"):
        Tokenizer.load(file)
    with pytest.raises(VocabularyError, match="cannot read"):
        Tokenizer.load(tmp_path / "none.txt")
