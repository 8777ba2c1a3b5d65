"""Both networks keep what the signature promises: sums, zeros, masks, switches."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the networks need the extra `train`")

from models.dmlanet import DmlaNet, DmlaNetConfig  # noqa: E402
from models.parts import Answer, Reader, masked_softmax  # noqa: E402
from models.rnnca import RnnCa, RnnCaConfig, ranking_loss  # noqa: E402
from models.signature import CHANNELS, MAX_TOKENS, REGIONS, TEXT_DIM  # noqa: E402

NETWORKS = [
    DmlaNetConfig(),
    DmlaNetConfig(channel_spatial=False),
    DmlaNetConfig(semantic=False),
    DmlaNetConfig(self_attention=False),
    RnnCaConfig(),
    RnnCaConfig(attention=False),
    RnnCaConfig(embedding=False),
]


def network(config: DmlaNetConfig | RnnCaConfig) -> Any:
    torch.manual_seed(0)
    made = DmlaNet(config) if isinstance(config, DmlaNetConfig) else RnnCa(config)
    return made.eval()


def inputs(texts: int = 4) -> list[Any]:
    """Rows: both sides; no picture; no words; neither."""
    torch.manual_seed(1)
    tokens = torch.zeros(texts, MAX_TOKENS, dtype=torch.long)
    tokens[0, :7] = torch.tensor([101, 2023, 2003, 2307, 999, 2000, 102])
    tokens[1, :4] = torch.tensor([101, 2919, 2154, 102])
    has_image = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    states = torch.randn(texts, MAX_TOKENS, TEXT_DIM) * (tokens != 0).unsqueeze(-1)
    return [torch.randn(texts, REGIONS, CHANNELS), has_image, states, tokens]


@pytest.mark.parametrize("config", NETWORKS, ids=repr)
def test_attention_sums_to_one_or_is_zero(config: DmlaNetConfig | RnnCaConfig) -> None:
    with torch.inference_mode():
        answer: Answer = network(config).answer(*inputs())
    assert answer.logits.shape == (4, 3)
    assert torch.isfinite(answer.logits).all()
    words, regions = answer.word_attention, answer.region_attention
    torch.testing.assert_close(words.sum(1), torch.tensor([1.0, 1.0, 0.0, 0.0]))
    torch.testing.assert_close(regions.sum(1), torch.tensor([1.0, 0.0, 1.0, 0.0]))
    assert (words >= 0).all()
    assert (regions >= 0).all()
    assert words[0, 0] == words[0, 6] == 0, "[CLS] and [SEP] are no words"
    assert (words[0, 7:] == 0).all()


@pytest.mark.parametrize("config", NETWORKS, ids=repr)
def test_picture_weight(config: DmlaNetConfig | RnnCaConfig) -> None:
    with torch.inference_mode():
        weight = network(config).answer(*inputs()).picture_weight[:, 0]
    assert 0 < weight[0] < 1
    assert weight[1] == 0, "without a picture the words have all of it"
    assert weight[2] == pytest.approx(1), "without words the picture has all of it"
    assert weight[3] == 0


@pytest.mark.parametrize("config", [DmlaNetConfig(), RnnCaConfig()], ids=repr)
def test_what_is_masked_is_not_read(config: DmlaNetConfig | RnnCaConfig) -> None:
    net, given = network(config), inputs()
    with torch.inference_mode():
        before = net(*given)
        given[0] = given[0] + 5 * (1 - given[1]).unsqueeze(-1)  # pictures that are not there
        given[2] = given[2] + (given[3] == 0).unsqueeze(-1)  # states of padding
        given[2][0, :7] -= 0
        after = net(*given)
    torch.testing.assert_close(before[1], after[1])
    torch.testing.assert_close(before, after, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("config", [DmlaNetConfig(), RnnCaConfig()], ids=repr)
def test_padding_makes_no_difference(config: DmlaNetConfig | RnnCaConfig) -> None:
    net, (features, has_image, states, tokens) = network(config), inputs()
    with torch.inference_mode():
        whole = net(features, has_image, states, tokens)
        cut = net(features, has_image, states[:, :9], tokens[:, :9])
    torch.testing.assert_close(whole, cut)


def test_the_binary_tasks_of_the_papers() -> None:
    assert network(DmlaNetConfig(classes=2))(*inputs()).shape == (4, 2)
    assert network(RnnCaConfig(classes=2))(*inputs()).shape == (4, 2)


def test_masked_softmax() -> None:
    scores = torch.tensor([[1000.0, 0.0, 5.0], [3.0, 3.0, 3.0]])
    mask = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    out = masked_softmax(scores, mask)
    assert out[1].tolist() == [0, 0, 0]
    assert out[0, 0] == 0
    assert out[0].sum() == pytest.approx(1)


def test_the_way_back_starts_at_the_last_word() -> None:
    torch.manual_seed(0)
    reader = Reader(8, 6, both_ways=True).eval()
    states, tokens = torch.randn(1, 5, 8), torch.ones(1, 5, dtype=torch.long)
    longer = torch.cat([states, torch.randn(1, 3, 8)], 1)
    padded = torch.cat([tokens, torch.zeros(1, 3, dtype=torch.long)], 1)
    torch.testing.assert_close(reader(states, tokens), reader(longer, padded)[:, :5])


def test_ranking_loss_is_least_for_own_pairs() -> None:
    picture = torch.eye(4)
    assert ranking_loss(picture, picture, 0.2) == 0
    assert ranking_loss(picture, picture.flip(0), 0.2) > 1
