"""Which posts of a batch are offered to the tiers that keep posts whole."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from services.aggregation.gather import entry
from services.aggregation.kept import candidates
from services.records import Scored
from services.store import schema
from services.store.schema import MINUTE_MS, digest
from services.store.store import TOO_LATE, Slice
from tests.scores import START_MS, scored

MINUTE = START_MS // MINUTE_MS


def offered(*posts: Scored, gone: frozenset[str] = frozenset(), flags: int = 0) -> list[Slice]:
    listed = [(n, post, flags) for n, post in enumerate(posts)]
    slices, documents = candidates(listed, [entry(*item) for item in listed], set(gone))
    for _, _, named in slices:
        for field, index in zip(named[::2], named[1::2], strict=True):
            assert json.loads(documents[int(index)])["id"] == str(field).split(":", 2)[2]
    return slices


def ids(slices: list[Slice], key: str) -> list[str]:
    (found,) = [named for suffix, _, named in slices if suffix == key]
    return [str(name).split(":", 2)[2].removeprefix("x:") for name in found[::2]]


def test_the_strongest_posts_of_a_minute_are_offered() -> None:
    slices = offered(*(scored(str(n), n, score=n * 100 * (-1) ** n) for n in range(8)))
    assert sorted(ids(slices, f"top:1m:{MINUTE}")) == ["5", "6", "7"]
    assert len(ids(slices, f"top:1h:{MINUTE // 60}")) == 5


def test_a_sample_goes_by_the_digest_of_the_id_alone() -> None:
    posts = [scored(str(n), n, score=n) for n in range(40)]
    by_rank = sorted((schema.rank(digest(post.id)), post.id[2:]) for post in posts)
    chosen = {post for _, post in by_rank[-6:]}
    assert set(ids(offered(*posts), f"sample:1m:{MINUTE}")) == chosen
    assert len(ids(offered(*posts), f"sample:1h:{MINUTE // 60}")) == 24


def test_each_slice_of_time_has_its_own() -> None:
    slices = offered(scored("1"), scored("2", MINUTE_MS))
    assert sorted(suffix for suffix, _, _ in slices) == [
        f"sample:1h:{MINUTE // 60}", f"sample:1m:{MINUTE}", f"sample:1m:{MINUTE + 1}",
        f"top:1h:{MINUTE // 60}", f"top:1m:{MINUTE}", f"top:1m:{MINUTE + 1}",
    ]  # fmt: skip


def test_neither_deleted_nor_too_late_nor_repeated_posts_are_offered() -> None:
    assert ids(offered(scored("1"), scored("2"), gone=frozenset({digest("x:1")})),
               f"sample:1m:{MINUTE}") == ["2"]  # fmt: skip
    assert offered(scored("1"), flags=TOO_LATE) == []
    (first, *_) = offered(scored("1"), scored("1", score=9_000))
    assert first[2][1::2] == [1]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=50, unique=True))
def test_ranks_are_ten_digits(names: list[str]) -> None:
    for name in names:
        rank = schema.rank(digest(name))
        assert len(rank) == 10
        assert rank.isdecimal()


def test_ranks_spread_evenly_over_ids_that_are_alike() -> None:
    counts = [0] * 10
    for number in range(20_000):
        counts[int(schema.rank(digest(f"x:{1_700_000_000_000_000_000 + number}"))[0])] += 1
    assert all(1_850 < count < 2_150 for count in counts)  # 2,000 +- 3.5 standard deviations
