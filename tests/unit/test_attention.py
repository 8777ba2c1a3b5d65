"""Where the networks looked, packed and read again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.signature import MAX_TOKENS, NETWORKS, REGIONS, SENTIMENT
from services.attention import SIZE, pack, unpack
from services.records import Scored, decode, encode
from tests.scores import scored


def outputs(seed: int, count: int = 3) -> dict[str, np.ndarray]:
    """As the networks give them: attention over words and over regions sums to 1."""
    rng = np.random.default_rng(seed)
    made = {t.name: rng.random((count, *t.shape), np.float32) for t in SENTIMENT.outputs}
    for name, array in made.items():
        if name.endswith("ATTENTION"):
            made[name] = array / array.sum(axis=1, keepdims=True)
    return made


@given(st.integers(0, 2**32 - 1))
def test_what_is_unpacked_is_each_weight_relative_to_the_greatest(seed: int) -> None:
    made = outputs(seed)
    for row, packed in enumerate(pack(made)):
        assert len(packed) == SIZE == 194
        for network, looked in unpack(packed).items():
            for part, found in (("WORD", looked.words), ("REGION", looked.regions)):
                weights = made[f"{network.upper()}_{part}_ATTENTION"][row]
                shown = np.frombuffer(found, np.uint8)
                assert shown.max() == 255
                np.testing.assert_allclose(shown, weights / weights.max() * 255, atol=0.51)


def test_parts_lie_in_the_order_of_the_networks() -> None:
    made = outputs(1, count=1)
    looked = unpack(pack(made)[0])
    assert tuple(looked) == NETWORKS
    assert [(len(part.words), len(part.regions)) for part in looked.values()] == [
        (MAX_TOKENS, REGIONS)
    ] * 2


def test_a_missing_side_is_zeros_and_nothing_at_all_is_empty() -> None:
    made = outputs(2)
    for network in NETWORKS:
        made[f"{network.upper()}_REGION_ATTENTION"][0] = 0  # no picture
        for part in ("WORD", "REGION"):
            made[f"{network.upper()}_{part}_ATTENTION"][1] = 0
    first, second, third = pack(made)
    assert not any(unpack(first)["rnnca"].regions)
    assert max(unpack(first)["rnnca"].words) == 255
    assert (second, unpack(second)) == (b"", {})
    assert len(third) == SIZE


@pytest.mark.filterwarnings("error")
def test_the_smallest_weights_make_no_noise() -> None:
    made = outputs(3)
    made["RNNCA_WORD_ATTENTION"][:] = np.finfo(np.float32).tiny / 4
    assert all(max(unpack(packed)["rnnca"].words) in (0, 255) for packed in pack(made))


def test_older_records_have_none_and_travelling_keeps_it() -> None:
    (packed, *_) = pack(outputs(4))
    record = scored()
    assert decode(encode(record)).attention == b""  # type: ignore[union-attr]
    fields = {name: getattr(record, name) for name in Scored.__struct_fields__}
    again = decode(encode(Scored(**(fields | {"attention": packed}))))
    assert isinstance(again, Scored)
    assert again.attention == packed


@pytest.mark.parametrize("size", [1, SIZE - 1, SIZE + 1])
def test_bytes_of_another_size_say_nothing(size: int) -> None:
    assert unpack(bytes(size)) == {}
