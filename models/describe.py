"""What the data at hand holds, and which copies stand on both sides of a split.

python -m models.describe [PARQUET, MVSA FOLDER OR MANIFEST]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data import MVSA_PAIRS, TWEETS, DataError, Pairs, Tweets, load_tweets
from models.folds import across, copies, cross_fold_copies, folds, groups, text_key
from models.picture import decode, perceptual_hash
from models.published import load
from models.signature import LABELS


def hashes(pairs: Pairs) -> npt.NDArray[np.uint64]:
    """Perceptual hashes (N, 2); pairs without a picture get one that no other has."""
    own = np.random.default_rng(0)
    return np.stack(
        [
            perceptual_hash(decode(image))
            if image is not None
            else own.integers(0, 2**63, 2, dtype=np.uint64)
            for image in pairs.images
        ]
    )


def describe(pairs: Pairs, tweets: Tweets | None = None) -> dict[str, Any]:
    """Counts, copies by kind, copies across the published split and across our folds."""
    found = copies(pairs.texts, hashes(pairs))
    group = groups(len(pairs), found)
    parted = across(pairs.split, found)
    out: dict[str, Any] = {
        "pairs": _counts(pairs.labels),
        "dropped": dict(pairs.dropped),
        "copies": dict(Counter(why for *_, why in found)),
        "copies_with_other_labels": _disagreeing(pairs, found),
        "copies_across_published_split": dict(Counter(why for *_, why in parted)),
        "groups": len(set(group.tolist())),
        "copies_across_folds": sum(cross_fold_copies(f, group) for f in folds(pairs.labels, group)),
    }
    if tweets is not None:
        keys = {text_key(text) for text in pairs.texts}
        out["tweets"] = {s: _counts(tweets.part(s)[1]) for s in ("train", "dev", "test")}
        out["tweets_dropped"] = dict(tweets.dropped)
        left = sum(text_key(text) in keys for text in tweets.part("train")[0])
        out["tweets_in_training_that_are_also_pairs"] = left
    return out


def _disagreeing(pairs: Pairs, found: list[tuple[int, int, str]]) -> int:
    """Copies that annotators gave different labels: how noisy the labels are."""
    return sum(int(pairs.labels[a] != pairs.labels[b]) for a, b, _ in found)


def _counts(labels: npt.NDArray[np.int64]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(LABELS)).tolist()
    return dict(zip(LABELS, counts, strict=True)) | {"all": len(labels)}


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else MVSA_PAIRS
    try:
        pairs = load(path)
        tweets = load_tweets(without=pairs.texts) if TWEETS.is_file() else None
    except DataError as error:
        sys.exit(str(error))
    print(json.dumps(describe(pairs, tweets), indent=1))


if __name__ == "__main__":
    main()
