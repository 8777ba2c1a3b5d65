"""The comparators take what the networks take, and learn."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is in the extra `train`")

from models import baselines  # noqa: E402

torch.set_num_threads(1)  # tiny tensors: threads only wait for each other


def batch(count: int = 24) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Pairs whose label shows in picture and words; the last ones lack a side each."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    sign = torch.nn.functional.one_hot(labels, 3).float() * 3
    features = torch.randn(count, 49, 16, generator=generator)
    states = torch.randn(count, 12, 20, generator=generator)
    features[:, :, :3] += sign[:, None]
    states[:, :, :3] += sign[:, None]
    tokens = torch.ones(count, 12, dtype=torch.int32)
    tokens[:, 8:] = 0
    has_image = torch.ones(count, 1)
    has_image[-1] = 0
    tokens[-2] = 0
    return (features, has_image, states, tokens), labels


@pytest.mark.parametrize("name", [name for name in baselines.BASELINES if name != "majority"])
def test_a_baseline_learns_what_is_plain_to_see(name: str) -> None:
    torch.manual_seed(0)
    config = baselines.BaselineConfig(name, channels=16, text_dim=20, hidden=16, dropout=0.0)
    net = baselines.build(config)
    inputs, labels = batch()
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(60):
        optimiser.zero_grad()
        net.loss(inputs, labels).backward()
        optimiser.step()
    net.eval()
    logits = net(*inputs)
    assert logits.shape == (24, 3)
    assert (logits.argmax(1) == labels).float().mean() > 0.85
    assert torch.isfinite(logits).all()


def test_a_later_fusion_rests_on_the_side_that_is_there() -> None:
    config = baselines.BaselineConfig("later_fusion", channels=16, text_dim=20)
    net = baselines.build(config).eval()
    (features, has_image, states, tokens), _ = batch()
    before = net(features, has_image, states, tokens)[-1]
    after = net(features + 5, has_image, states, tokens)[-1]
    assert torch.allclose(before, after), "a missing picture must not count"
    no_words = net(features, has_image, states + 5, tokens)[-2]
    assert torch.allclose(net(features, has_image, states, tokens)[-2], no_words)


def test_the_majority_is_its_prior() -> None:
    config = baselines.BaselineConfig("majority", channels=16, text_dim=20)
    inputs, _ = batch()
    shares = baselines.build(config)(*inputs).softmax(-1)
    assert torch.allclose(shares[0], torch.tensor(config.prior))


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(ValueError, match="unknown baseline 'late'"):
        baselines.build(baselines.BaselineConfig("late"))
