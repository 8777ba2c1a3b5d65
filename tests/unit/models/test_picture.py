"""Every picture is prepared as the networks expect it, or refused by name."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.picture import PictureError, decode, prepare
from models.signature import IMAGE_SIZE
from tests.unit.models.made import picture


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (30, 40), 128),
        Image.new("CMYK", (30, 40)),
        Image.new("RGBA", (30, 40), (255, 0, 0, 0)),
        Image.new("P", (30, 40)),
        Image.new("LA", (30, 40)),
        Image.new("I;16", (30, 40), 40_000),
        Image.new("1", (1, 1)),
        Image.new("RGB", (20_000, 10)),
    ],
    ids=lambda image: f"{image.mode}-{image.width}x{image.height}",
)
def test_every_kind_of_picture_is_prepared(image: Image.Image) -> None:
    out = io.BytesIO()
    image.save(out, "TIFF")
    prepared_picture = prepare(decode(out.getvalue()))
    assert prepared_picture.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
    assert prepared_picture.dtype == np.uint8


def test_transparent_is_white_and_an_animation_its_first_frame() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(out, "PNG")
    assert (decode(out.getvalue()) == 255).all()
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert decode(out.getvalue())[0, 0].tolist() == pytest.approx([255, 0, 0], abs=2)


@pytest.mark.parametrize("data", [b"", b"<html>", picture()[:200], b"\x89PNG\r\n\x1a\n"])
def test_a_broken_picture_is_named(data: bytes) -> None:
    with pytest.raises(PictureError, match="picture"):
        decode(data)


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    out = io.BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    with pytest.raises(PictureError, match="too large: 9000 x 9000"):
        decode(out.getvalue())


@pytest.mark.parametrize("side", [224, 320, 448, 300, 100, 1])
def test_area_means_when_shrinking_and_linear_when_enlarging(side: int) -> None:
    rng = np.random.default_rng(side)
    square = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    ours = prepare(square).astype(np.int64)
    assert ours.mean() == pytest.approx(square.mean(), abs=3)
    if side == 2 * IMAGE_SIZE:
        blocks = square.reshape(IMAGE_SIZE, 2, IMAGE_SIZE, 2, 3).mean(axis=(1, 3))
        assert np.abs(ours - blocks).max() <= 0.5 + 1e-3
    if side in (1, 100):  # a linear filter of Pillow's, from the outside
        theirs = Image.fromarray(square).resize((224, 224), Image.Resampling.BILINEAR)
        assert np.abs(ours - np.asarray(theirs)).mean() < 1.0
